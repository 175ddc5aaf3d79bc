import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

/** ms since 1970, four times a second while somebody looks at it. */
const now = signal(Date.now());
let watchers = 0;
let timer: ReturnType<typeof setInterval> | undefined;

/** The time, running while `isRunning`. */
export function useClock(isRunning: boolean): number {
  useEffect(() => {
    if (!isRunning) return;
    now.value = Date.now();
    watchers += 1;
    timer ??= setInterval(() => {
      now.value = Date.now();
    }, 250);
    return () => {
      watchers -= 1;
      if (watchers > 0) return;
      clearInterval(timer);
      timer = undefined;
    };
  }, [isRunning]);
  return isRunning ? now.value : now.peek();
}
