import type { RefObject } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

/** From so near the end, px, it is followed. */
const NEAR = 48;

/** What was said longer ago is read from its beginning, ms. */
const JUST_NOW_MS = 10_000;

/** Keeps the end of what grows in sight, unless somebody scrolled up to read, or it is of before.
 *  @param length changes as it grows @param lastAt ms since 1970 at which it did; left out, just now */
export function useFollowedEnd<Element extends HTMLElement>(
  length: number,
  lastAt = Date.now(),
): RefObject<Element | null> {
  const element = useRef<Element>(null);
  const isAtEnd = useRef(true);
  useEffect(() => {
    const { current } = element;
    const onScroll = () => {
      if (current) isAtEnd.current = current.scrollHeight - current.scrollTop - current.clientHeight < NEAR;
    };
    current?.addEventListener('scroll', onScroll, { passive: true });
    return () => current?.removeEventListener('scroll', onScroll);
  }, []);
  useLayoutEffect(() => {
    const { current } = element;
    const isLive = Date.now() - lastAt < JUST_NOW_MS;
    if (current && isAtEnd.current && isLive) current.scrollTop = current.scrollHeight;
  }, [length]);
  return element;
}
