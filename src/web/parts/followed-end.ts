import type { RefObject } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

/** From so near the end, px, it is followed. */
const NEAR = 48;

/** Keeps the end of what grows in sight, unless somebody scrolled up to read. @param length changes as it grows */
export function useFollowedEnd<Element extends HTMLElement>(length: number): RefObject<Element | null> {
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
    if (current && isAtEnd.current) current.scrollTop = current.scrollHeight;
  }, [length]);
  return element;
}
