import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { type Problem, problemOfError, request } from '../api/request.ts';

export interface Polled<Value> {
  value: Signal<Value | undefined>;
  problem: Signal<Problem | undefined>;
  /** asks at once */
  refresh(): Promise<void>;
}

/** A request takes so many times as long as it took before it is made again, at least: a slow server is not pressed. */
const PATIENCE = 5;

/**
 * What a path of the API answers, asked again and again while somebody looks at it. The value of the path before stays until
 * the next one is there.
 * @param everyMs ms; undefined: once
 */
export function usePolled<Value>(path: string | undefined, everyMs?: number): Polled<Value> {
  const value = useSignal<Value | undefined>(undefined);
  const problem = useSignal<Problem | undefined>(undefined);
  const refresh = useRef(async () => {});
  useEffect(() => {
    if (path === undefined) return;
    const leaving = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    let turn = 0;
    async function ask(): Promise<void> {
      clearTimeout(timer);
      turn += 1;
      const mine = turn;
      const began = performance.now();
      try {
        const answer = await request<Value>(path!, { signal: leaving.signal });
        if (isOver) return;
        value.value = answer;
        problem.value = undefined;
      } catch (error) {
        if (isOver) return;
        problem.value = problemOfError(error);
      }
      if (everyMs !== undefined && !document.hidden && mine === turn)
        timer = setTimeout(ask, Math.max(everyMs, (performance.now() - began) * PATIENCE));
    }
    const onSeen = () => {
      if (!document.hidden && everyMs !== undefined) void ask();
    };
    refresh.current = ask;
    document.addEventListener('visibilitychange', onSeen);
    void ask();
    return () => {
      isOver = true;
      leaving.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', onSeen);
    };
  }, [path, everyMs]);
  return { value, problem, refresh: () => refresh.current() };
}
