import { type Signal, signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { type Problem, problemOfError } from '../api/request.ts';
import { followRun, type StreamState } from '../api/run-events.ts';
import { afterEvents } from './after-events.ts';
import { EMPTY_RUN, type RunView } from './run-view.ts';

export interface LiveRun {
  view: Signal<RunView>;
  stream: Signal<StreamState>;
  problem: Signal<Problem | undefined>;
}

/** A run as it happens, for as long as the component that asks is there. */
export function useLiveRun(id: string | undefined): LiveRun {
  const live = useMemo<LiveRun>(
    () => ({
      view: signal(EMPTY_RUN),
      stream: signal<StreamState>('connecting'),
      problem: signal<Problem | undefined>(undefined),
    }),
    [id],
  );
  useEffect(() => {
    if (id === undefined) return;
    const reading = new AbortController();
    followRun(id, {
      signal: reading.signal,
      onEvents: (events) => {
        live.view.value = afterEvents(live.view.value, events);
      },
      onState: (state) => {
        live.stream.value = state;
      },
    }).catch((error: unknown) => {
      live.problem.value = problemOfError(error);
    });
    return () => reading.abort();
  }, [id]);
  return live;
}
