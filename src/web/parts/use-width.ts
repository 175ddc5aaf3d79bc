import { useSignal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useLayoutEffect } from 'preact/hooks';

const UNKNOWN_PX = 1_000;

/** How wide an element is inside, px, also after it has changed. */
export function useWidth(element: RefObject<HTMLElement | null>): number {
  const width = useSignal(UNKNOWN_PX);
  useLayoutEffect(() => {
    const { current } = element;
    if (!current) return;
    const measure = () => {
      if (current.clientWidth > 0) width.value = current.clientWidth;
    };
    const observer = new ResizeObserver(measure);
    measure();
    observer.observe(current);
    return () => observer.disconnect();
  }, []);
  return width.value;
}
