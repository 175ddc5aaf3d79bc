import { batch, type Signal, signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { type Problem, problemOfError } from '../api/request.ts';
import { followRun } from '../api/run-events.ts';
import { afterEvents } from '../run/after-events.ts';
import { EMPTY_RUN, type RunView } from '../run/run-view.ts';
import { piecesOfAgent, type TakenMessage } from './turns.ts';

export interface AgentRun {
  view: Signal<RunView>;
  /** what it was told while it was at work, in order */
  taken: Signal<TakenMessage[]>;
  problem: Signal<Problem | undefined>;
}

/** A run of an agent as it happens, and among what it says and does, what it was told. */
export function useAgentRun(id: string): AgentRun {
  const run = useMemo<AgentRun>(
    () => ({
      view: signal(EMPTY_RUN),
      taken: signal<TakenMessage[]>([]),
      problem: signal<Problem | undefined>(undefined),
    }),
    [id],
  );
  useEffect(() => {
    const reading = new AbortController();
    const { view, taken } = run;
    followRun(id, {
      signal: reading.signal,
      onEvents: (events) =>
        batch(() => {
          let heard = 0;
          for (const [index, event] of events.entries()) {
            if (event.type !== 'message.taken') continue;
            view.value = afterEvents(view.value, events.slice(heard, index + 1));
            heard = index + 1;
            const after = piecesOfAgent(view.value).length;
            taken.value = [...taken.value, { seq: event.seq, text: event.text, after }];
          }
          view.value = afterEvents(view.value, events.slice(heard));
        }),
    }).catch((error: unknown) => {
      run.problem.value = problemOfError(error);
    });
    return () => reading.abort();
  }, [id]);
  return run;
}
