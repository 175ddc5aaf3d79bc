import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Timeline } from '../../contract/index.ts';
import { type Problem, problemOfError, request } from '../api/request.ts';
import type { TimelineStep } from './waterfall-rows.ts';

/** How often a page of a timeline is asked for while the run goes on, ms; more seldom where an answer takes long. */
const LIVE_MS = 4_000;
const PATIENCE = 4;
/** How often it is seen whether there is anything to ask for, ms. */
const TICK_MS = 250;
/** Steps that are shown at most. */
const MOST_STEPS = 20_000;

export interface LiveTimeline {
  steps: Signal<readonly TimelineStep[] | undefined>;
  problem: Signal<Problem | undefined>;
  isPruned: Signal<boolean>;
  /** there are more than can be shown */
  isCut: Signal<boolean>;
}

/**
 * The timeline of a run, all pages of it. Pages whose steps have all ended are not asked for again.
 * @param changedAt number of the newest event that changes it: while it stays, nothing is asked
 */
export function useTimeline(id: string, changedAt: number, isRunning: boolean): LiveTimeline {
  const steps = useSignal<readonly TimelineStep[] | undefined>(undefined);
  const problem = useSignal<Problem | undefined>(undefined);
  const isPruned = useSignal(false);
  const isCut = useSignal(false);
  const heard = useRef(changedAt);
  heard.current = changedAt;
  const pages = useRef<{ after: number; steps: TimelineStep[] }[]>([]);

  useEffect(() => {
    const leaving = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    async function load(asked: number): Promise<void> {
      const began = performance.now();
      let requests = 1;
      let restMs: number | undefined;
      try {
        requests = await loadFrom(leaving.signal);
        problem.value = undefined;
      } catch (error) {
        if (leaving.signal.aborted) return;
        problem.value = problemOfError(error);
        restMs = problem.value.retryAfterSeconds && problem.value.retryAfterSeconds * 1_000;
      }
      if (leaving.signal.aborted || (!isRunning && restMs === undefined)) return;
      const again = () => {
        const isNew = heard.current !== asked || restMs !== undefined;
        if (isNew && !document.hidden) void load(heard.current);
        else timer = setTimeout(again, TICK_MS);
      };
      timer = setTimeout(again, Math.max(LIVE_MS * requests, (performance.now() - began) * PATIENCE, restMs ?? 0));
    }
    /** @returns how many requests it took */
    async function loadFrom(signal: AbortSignal): Promise<number> {
      const known = pages.current;
      const open = known.findIndex((page) => page.steps.some(({ endedAt }) => endedAt === undefined));
      const at = open === -1 ? Math.max(0, known.length - 1) : open;
      const kept = known.slice(0, at);
      let after: number | undefined = known[at]?.after ?? 0;
      while (after !== undefined) {
        const page: Timeline = await request(`/v1/runs/${encodeURIComponent(id)}/timeline?after=${after}`, { signal });
        kept.push({ after, steps: page.steps });
        isPruned.value = page.pruned ?? false;
        const count = kept.reduce((sum, one) => sum + one.steps.length, 0);
        isCut.value = page.nextAfter !== undefined && count >= MOST_STEPS;
        after = isCut.value ? undefined : page.nextAfter;
      }
      pages.current = kept;
      steps.value = kept.flatMap((page) => page.steps);
      return kept.length - at;
    }
    void load(heard.current);
    return () => {
      leaving.abort();
      clearTimeout(timer);
    };
  }, [id, isRunning]);

  return { steps, problem, isPruned, isCut };
}
