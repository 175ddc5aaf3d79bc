import type { CallError, NewEvent, RunRef } from '../contract/index.ts';
import type { Store } from '../store/index.ts';
import { endRunSpan, endStepSpan, isSampled, isTracing } from '../telemetry/index.ts';
import type { Rooms } from './rooms.ts';

/**
 * The store, which makes the spans of runs and steps when their ends are written to the event log, in whatever process and
 * lane that is: a workflow that is replayed writes nothing, and so tells nothing again. Ids follow from the run and the step,
 * times are the log's: an end that is written again, after a crash, gives the same span again
 * (docs/decisions/0020-spans-are-made-from-events.md). Counts the runs that end, too.
 */
export function withSpansOfRuns({ store, metrics, log }: Pick<Rooms, 'store' | 'metrics' | 'log'>): Store {
  const { events, journal } = store;
  const traced = isTracing();

  async function told(
    run: RunRef,
    event: Pick<NewEvent, 'type'> & { step?: string; error?: CallError },
  ): Promise<void> {
    const { type, step, error } = event;
    const isRun = type === 'run.completed' || type === 'run.failed' || type === 'run.cancelled';
    if (isRun) {
      const status = type.slice('run.'.length);
      metrics?.runEnded(run.pattern, status);
      log.info(
        { pattern: run.pattern, status, error: error?.type, ms: Date.now() - Date.parse(run.startedAt) },
        'run ended',
      );
    }
    if (!traced || !isSampled(run)) return;
    try {
      if (isRun) await runEnded(run, error);
      else if (step !== undefined && (type === 'step.completed' || type === 'step.failed'))
        await stepEnded(run, step, error);
    } catch (thrown) {
      log.warn({ error: String(thrown), step }, 'A span is missing: the store did not say when it was');
    }
  }

  async function stepEnded(run: RunRef, step: string, error?: CallError): Promise<void> {
    const { startedAt, endedAt } = await events.timesOf(run.chain, step);
    if (startedAt && endedAt) endStepSpan(run, step, startedAt, { at: endedAt, error });
  }

  /** Steps that were under way end with their run. */
  async function runEnded(run: RunRef, error?: CallError): Promise<void> {
    const { endedAt, open } = await events.endOf(run.chain);
    if (!endedAt) return;
    const end = { at: endedAt, error };
    for (const { step, startedAt } of open) endStepSpan(run, step, startedAt, end);
    endRunSpan(run, end);
  }

  return {
    ...store,
    events: {
      ...events,
      async record(run, recorded) {
        const costUsd = await events.record(run, recorded);
        for (const event of recorded) await told(run, event);
        return costUsd;
      },
    },
    journal: {
      ...journal,
      async end(attempt, outcome) {
        const kept = await journal.end(attempt, outcome);
        const { run, step } = attempt;
        if ('reply' in outcome && outcome.completesStep) await told(run, { type: 'step.completed', step });
        return kept;
      },
      endAhead(attempt, outcome) {
        const ended = journal.endAhead(attempt, outcome);
        const { run, step } = attempt;
        if (!outcome.completesStep) return ended;
        return { ...ended, written: ended.written.then(() => told(run, { type: 'step.completed', step })) };
      },
      async finishCached(call) {
        const kept = await journal.finishCached(call);
        const { run, step, completesStep = true } = call;
        if (completesStep) await told(run, { type: 'step.completed', step });
        return kept;
      },
    },
  };
}
