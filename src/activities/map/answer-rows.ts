import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import type { CallError, EndedRow, MapActivities, MapProgress, OpenRow, RunRef } from '../../contract/index.ts';
import type { MapRowEnd } from '../../store/index.ts';
import { waitsForBatch } from '../batches/batched-call.ts';
import { heartbeat } from '../heartbeat.ts';
import type { Rooms } from '../rooms.ts';
import { type Asked, createAskRow, loadRow } from './ask-row.ts';

/** Asks the model of each row of a slice, so many at once. What became of a row is kept as soon as it is known. */
export function createAnswerRows(
  rooms: Rooms,
  end: (run: RunRef, rows: MapRowEnd[]) => Promise<MapProgress>,
): MapActivities['answerRows'] {
  const { events, maps } = rooms.store;
  const askRow = createAskRow(rooms);
  return async (run, slice) => {
    const { cancellationSignal: signal, info } = Context.current();
    const begunAt = performance.now();
    const now = () => info.currentAttemptScheduledTimestampMs + performance.now() - begunAt;
    const map = (await maps.find(run.chain))!;
    const queue = await maps.waiting(run.chain, slice);
    const open: OpenRow[] = [];
    const models = new Set<string>();
    const failures: unknown[] = [];
    /** of rows that wait in batches: when to look for their answers, ms */
    const looksMs: number[] = [];
    let short = 0;
    let asking = 0;
    let settled = Promise.withResolvers<void>();

    const stopHeartbeat = heartbeat();
    try {
      // All of them end before anything is thrown: a call in flight must not outlive its activity.
      await Promise.all(Array.from({ length: slice.concurrency }, work));
    } finally {
      stopHeartbeat();
    }
    if (signal.aborted) throw stopped(signal.reason);
    if (failures.length > 0) throw failures[0];
    const waits = looksMs.length > 0;
    // Rows that are the workflow's would be asked anew by the next attempt.
    if (waits && open.length === 0) throw waitsForBatch(`${looksMs.length + short} rows wait for batches`, looksMs);
    const worked = { open, models: [...models], progress: await end(run, []) };
    return waits ? { ...worked, waits } : worked;

    async function work(): Promise<void> {
      while (!signal.aborted && failures.length === 0) {
        const next = queue.shift();
        if (next === undefined) return;
        try {
          await settle(next);
        } catch (thrown) {
          failures.push(thrown);
          settled.resolve();
        }
      }
    }

    async function settle(next: { row: number; item: unknown }): Promise<void> {
      asking += 1;
      const asked = await askRow(run, loadRow(map, next), now).finally(() => {
        asking -= 1;
      });
      if ('overBudget' in asked && asking > 0) {
        // Money held for rows that are being asked may be free once they are: this row waits for that.
        queue.unshift(next);
        await settled.promise;
        return;
      }
      await keep(asked);
      settled.resolve();
      settled = Promise.withResolvers();
    }

    async function keep(asked: Asked): Promise<void> {
      if ('lookMs' in asked) looksMs.push(asked.lookMs);
      else if ('open' in asked) open.push(asked.open);
      else if ('ended' in asked) await ended(asked.ended, asked.model);
      // Others may hold the money: the row waits, for a second pass in which nobody does.
      // Where rows of this slice do, in batches, it waits for them.
      else if (looksMs.length > 0) short += 1;
      else if (slice.last) await ended({ row: asked.row, error: asked.overBudget });
    }

    /** A row that was asked has begun its step, whose end readers wait for. */
    async function tellFailure(error: CallError): Promise<void> {
      const { step, type } = error;
      if (step === undefined || type === 'BudgetExceeded') return;
      await events.record(run, [{ type: 'step.failed', key: `step.failed:${step}`, step, error }]);
    }

    async function ended(row: EndedRow, model?: string): Promise<void> {
      if (model) models.add(model);
      if ('error' in row) await tellFailure(row.error);
      await end(run, [row]);
    }
  };
}

/** Cancelled by a person, the slice ends; stopped with its worker, another worker goes on with it. */
function stopped(reason: unknown): unknown {
  if (reason instanceof CancelledFailure && reason.message === 'CANCELLED') return reason;
  return ApplicationFailure.create({
    type: 'ConnectionLost',
    message: 'The worker asking these rows was stopped',
    nextRetryDelay: 1,
  });
}
