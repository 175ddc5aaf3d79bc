import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { type Problem, problemOfError, request } from '../api/request.ts';

export interface Polled<Value> {
  value: Signal<Value | undefined>;
  problem: Signal<Problem | undefined>;
  /** asks at once */
  refresh(): Promise<void>;
}

/** What tells that the answer may be another by now. */
export interface Changes {
  /** when this is another value, it is asked again */
  with: unknown;
  /** ms from one request to the next, at least */
  gapMs: number;
}

/** A request takes so many times as long as it took before it is made again, at least: a slow server is not pressed. */
const PATIENCE = 5;

/**
 * What a path of the API answers, asked again and again while somebody looks at it. The value of the path before stays until
 * the next one is there. Where the server says when it may be asked again, it is not asked before.
 * @param everyMs ms; undefined: once, and when something changes
 */
export function usePolled<Value>(path: string | undefined, everyMs?: number, changes?: Changes): Polled<Value> {
  const value = useSignal<Value | undefined>(undefined);
  const problem = useSignal<Problem | undefined>(undefined);
  const refresh = useRef(async () => {});
  const hasChanged = useRef(() => {});
  const gapMs = changes?.gapMs ?? 0;
  useEffect(() => {
    if (path === undefined) return;
    const leaving = new AbortController();
    const isSeen = () => everyMs === undefined || !document.hidden;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    let turn = 0;
    let began = 0;
    let isAsking = false;
    let isStale = false;
    /** of this page's clock, ms: not before */
    let restsUntil = 0;
    function next(ms: number): void {
      clearTimeout(timer);
      timer = setTimeout(ask, Math.max(ms, restsUntil - performance.now()));
    }
    async function ask(): Promise<void> {
      clearTimeout(timer);
      turn += 1;
      const mine = turn;
      began = performance.now();
      isAsking = true;
      isStale = false;
      let isRefused = false;
      try {
        const answer = await request<Value>(path!, { signal: leaving.signal });
        if (isOver) return;
        value.value = answer;
        problem.value = undefined;
      } catch (error) {
        if (isOver) return;
        problem.value = problemOfError(error);
        const { retryAfterSeconds } = problem.value;
        isRefused = retryAfterSeconds !== undefined;
        restsUntil = performance.now() + (retryAfterSeconds ?? 0) * 1_000;
      }
      if (mine !== turn) return;
      isAsking = false;
      if (!isSeen()) return;
      const tookMs = performance.now() - began;
      if (isStale) next(Math.max(gapMs - tookMs, tookMs * PATIENCE));
      else if (everyMs !== undefined) next(Math.max(everyMs, tookMs * PATIENCE));
      else if (isRefused) next(0);
    }
    const onSeen = () => {
      if (!document.hidden && everyMs !== undefined) next(0);
    };
    refresh.current = ask;
    hasChanged.current = () => {
      isStale = true;
      if (!isAsking && isSeen()) next(gapMs - (performance.now() - began));
    };
    document.addEventListener('visibilitychange', onSeen);
    void ask();
    return () => {
      isOver = true;
      leaving.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', onSeen);
    };
  }, [path, everyMs, gapMs]);
  const askedOf = useRef<string | undefined>(undefined);
  useEffect(() => {
    const of = `${path} ${everyMs}`;
    // It was asked just now.
    if (askedOf.current === of) hasChanged.current();
    askedOf.current = of;
  }, [path, everyMs, changes?.with]);
  return { value, problem, refresh: () => refresh.current() };
}
