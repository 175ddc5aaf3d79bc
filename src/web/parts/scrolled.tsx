import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { useWidth } from './use-width.ts';

/** What may be wider than its place: it then scrolls by itself, and the keyboard reaches it. */
export function Scrolled({ name, children }: { name: string; children: ComponentChildren }) {
  const box = useRef<HTMLElement>(null);
  const width = useWidth(box);
  const isWider = useSignal(false);
  useLayoutEffect(() => {
    isWider.value = (box.current?.scrollWidth ?? 0) > width;
  });
  return (
    <section ref={box} class="scrolled" aria-label={name} tabIndex={isWider.value ? 0 : undefined}>
      {children}
    </section>
  );
}
