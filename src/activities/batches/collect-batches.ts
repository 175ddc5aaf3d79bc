import { durationMs, modelIdOf } from '../../contract/index.ts';
import type { BatchResult, BatchWire } from '../../providers/index.ts';
import type { DueBatch } from '../../store/index.ts';
import { ClockRanOut } from '../clocks.ts';
import type { Rooms } from '../rooms.ts';
import { createEndBatchedCall } from './end-batched-call.ts';
import { inTime } from './in-time.ts';

/** A worker that is gone leaves its batches to others after so long, ms, or a part of the time submissions settle in. */
const LEASE_MS = 15_000;
const LEASE_OF_SETTLE = 1 / 4;
/** Of all requests of a batch: what providers take in one body, with room for what stands around them. */
const MOST_BYTES = 16_000_000;
/** Calls that come one after the other hold a batch up for so many times as long as it waits for the next, at most. */
const LONGEST_GATHERS = 10;
/** How long a submission may take, as leases last, ms; whoever takes over waits for longer. */
const SUBMITTED_WITHIN_LEASES = 3;
/** How long a provider may be silent when it is asked for anything else, as leases last. */
const ANSWERED_WITHIN_LEASES = 4;
/** A batch is looked at after this part of its age, within these, ms. */
const LOOK_SHARE = 1 / 10;
const SHORTEST_LOOK_MS = 1_000;
const LONGEST_LOOK_MS = 60_000;
/** Providers end a batch within a day; one that they do not end is stopped after so long, ms, and given up after the next. */
const STOPPED_AFTER_MS = 26 * 3_600_000;
const GIVEN_UP_AFTER_MS = 28 * 3_600_000;
/** Batches that a worker looks after at once, before it takes more. */
const AT_ONCE = 20;
/** Results are read in portions of so many, and as many calls ended at once. */
const PORTION = 50;
/** A provider that refuses a batch for now is asked again after so long, ms, unless it says when. */
const REFUSED_FOR_MS = 30_000;
/** What an address says that does not know the endpoint, or this use of it. */
const UNKNOWN = new Set([404, 405, 501]);
const FORGOTTEN_FOR_MS = 3_600_000;

export interface CollectBatches {
  /** Begins what is due now. */
  begin(signal: AbortSignal): Promise<void>;
  /** Once what was begun has come to a good place. */
  ended(): Promise<void>;
}

/**
 * Makes batches of calls that wait, and brings each to its end. Whatever it does is kept first, so that any worker can go
 * on with it at any point:
 *
 *   calls that wait --gathered--> new --sending--> sent --ended at the provider--> results --> journal --> ended
 *                                  ^       |
 *                                  +-------+ cut off: looked for at the provider, and sent again only when it is not there
 *
 * A provider that does not answer holds up its own batches, and no others.
 */
export function createCollectBatches(rooms: Rooms): CollectBatches {
  const { store, config, log, providers } = rooms;
  const { batches, callsOfBatches, events } = store;
  const end = createEndBatchedCall(rooms);
  const settleMs = durationMs(config.batches.settle);
  const leaseMs = Math.min(LEASE_MS, settleMs * LEASE_OF_SETTLE);
  const within = { submitMs: SUBMITTED_WITHIN_LEASES * leaseMs, answerMs: ANSWERED_WITHIN_LEASES * leaseMs };
  const gatherMs = durationMs(config.batches.gather);
  const longestMs = gatherMs * LONGEST_GATHERS;
  const limits = { gatherMs, longestMs, most: config.batches.most, mostBytes: MOST_BYTES };

  const underWay = new Map<string, Promise<void>>();

  return {
    async begin(signal) {
      await batches.gather(limits);
      if (underWay.size >= AT_ONCE) return;
      for (const batch of await batches.claim(leaseMs)) {
        // It was out of our hands for a moment, and is let go of in the end.
        if (underWay.has(batch.id)) continue;
        underWay.set(
          batch.id,
          lookAfter(batch, signal).finally(() => underWay.delete(batch.id)),
        );
      }
    },
    async ended() {
      await Promise.all(underWay.values());
    },
  };

  async function lookAfter(batch: DueBatch, stopping: AbortSignal): Promise<void> {
    const lost = new AbortController();
    const signal = AbortSignal.any([stopping, lost.signal]);
    const renewed = setInterval(() => {
      batches.renew(batch.id, leaseMs).then(
        (mine) => mine || lost.abort(new Error('Another worker has the batch')),
        () => {},
      );
    }, leaseMs / 3);
    let againMs = Math.min(LONGEST_LOOK_MS, Math.max(SHORTEST_LOOK_MS, batch.ageMs * LOOK_SHARE));
    try {
      againMs = (await step(batch, signal)) ?? againMs;
    } catch (thrown) {
      if (!signal.aborted) {
        const error = asError(batch, thrown);
        if (!(thrown instanceof ClockRanOut)) againMs = error.retryAfterMs ?? REFUSED_FOR_MS;
        log.warn(
          { batch: batch.id, provider: batch.provider, error },
          'A batch could not be looked after; it is tried again',
        );
      }
    } finally {
      clearInterval(renewed);
      await batches.release(batch.id, againMs).catch(() => {});
    }
  }

  /** @returns ms until the batch is to be looked at again, where not by its age */
  async function step(batch: DueBatch, signal: AbortSignal): Promise<number | undefined> {
    const batchWire = providers.open(batch.model).batches;
    if (!batchWire) return returnAll(batch, 'The provider of the batch is no longer one that knows batches');
    const wire = inTime(batchWire, within);
    if (batch.state === 'new') {
      const found = batch.sendingForMs === undefined ? undefined : await find(wire, batch, signal);
      if (typeof found === 'number') return found;
      if (found === undefined) {
        if (batch.abandoned) return dropAll(batch);
        if (batch.ageMs > STOPPED_AFTER_MS) return returnAll(batch, 'The provider took no batch');
        return submit(wire, batch, signal);
      }
      await sent(batch, found.id);
      return SHORTEST_LOOK_MS;
    }
    const id = batch.remoteId!;
    if (await wire.hasEnded(id, signal)) return collect(wire, batch, signal);
    if (batch.ageMs > GIVEN_UP_AFTER_MS) return returnAll(batch, 'The provider did not end the batch');
    if (!batch.cancelled && (batch.abandoned || batch.ageMs > STOPPED_AFTER_MS)) {
      await wire.cancel(id, signal);
      await batches.cancelled(batch.id);
      return SHORTEST_LOOK_MS;
    }
    return undefined;
  }

  async function submit(wire: BatchWire, batch: DueBatch, signal: AbortSignal): Promise<number | undefined> {
    const calls = await callsOfBatches.open(batch.id, { after: 0, limit: batch.calls });
    const requests = calls.map(({ n, request }) => ({ id: idOf(batch, n), request }));
    if (!(await batches.sending(batch.id))) return undefined;
    const model = modelIdOf(batch.model);
    let id: string;
    try {
      id = await wire.submit({ mark: batch.id, model, lane: batch.lane, calls: requests }, signal);
    } catch (thrown) {
      const error = asError(batch, thrown);
      const { status = 0 } = error;
      // Whatever is no refusal may have made a batch.
      if (status === 0 || (status >= 500 && !UNKNOWN.has(status))) throw thrown;
      if (status === 429) {
        await batches.unsent(batch.id);
        throw thrown;
      }
      if (UNKNOWN.has(status)) await batches.learn(batch.provider, false, FORGOTTEN_FOR_MS);
      log.warn({ batch: batch.id, error }, 'The provider refused a batch: its calls are made one by one');
      return returnAll(batch, `The provider refused the batch: ${error.message}`);
    }
    await sent(batch, id);
    return SHORTEST_LOOK_MS;
  }

  /**
   * Looks for a batch whose submission was cut off.
   * @returns its id; nothing where it is not there, and can no longer come; or ms after which it is to be looked for again
   */
  async function find(
    wire: BatchWire,
    batch: DueBatch,
    signal: AbortSignal,
  ): Promise<{ id: string } | number | undefined> {
    const found = await wire.find({ mark: batch.id, calls: batch.calls, since: batch.sendingAt! }, signal);
    if ('id' in found) return found;
    const known = await batches.known(found.maybe);
    const maybe = found.maybe.filter((id) => !known.has(id));
    // Only its results tell whose it is: until then it may be this one.
    for (const id of maybe) {
      if (!(await wire.hasEnded(id, signal))) return lookAgainMs(batch);
      for await (const result of wire.results(id, batch.id, signal)) {
        if (numberOf(batch, result.id) !== undefined) return { id };
        break;
      }
    }
    const leftMs = settleMs - batch.sendingForMs!;
    return leftMs > 0 ? Math.min(leftMs, LONGEST_LOOK_MS) : undefined;
  }

  /** Told first: whoever finds the batch again tells nothing twice. */
  async function sent(batch: DueBatch, id: string): Promise<void> {
    const calls = await callsOfBatches.open(batch.id, { after: 0, limit: batch.calls });
    const byRun = Map.groupBy(calls, ({ call }) => call.run.chain);
    const told = [...byRun.values()].map((mine) =>
      events.record(
        mine[0]!.call.run,
        mine.map(({ key, epoch, call: { step, model } }) => {
          const about = { model, batch: id, calls: batch.calls };
          const call = store.callId(key);
          return { type: 'call.batched', key: `call.batched:${call}:${epoch}`, step, call, epoch, ...about } as const;
        }),
      ),
    );
    await Promise.all(told);
    await batches.sent(batch.id, id);
    log.info({ batch: batch.id, provider: batch.provider, id, calls: batch.calls }, 'A batch was submitted');
  }

  async function collect(wire: BatchWire, batch: DueBatch, signal: AbortSignal): Promise<undefined> {
    let portion: { n: number; result: BatchResult }[] = [];
    for await (const result of wire.results(batch.remoteId!, batch.id, signal)) {
      const n = numberOf(batch, result.id);
      if (n === undefined) continue;
      portion.push({ n, result });
      if (portion.length < PORTION) continue;
      await endPortion(batch, portion);
      portion = [];
    }
    await endPortion(batch, portion);
    signal.throwIfAborted();
    return returnAll(batch, 'The batch ended without an answer to this call');
  }

  async function endPortion(batch: DueBatch, portion: { n: number; result: BatchResult }[]): Promise<void> {
    if (portion.length === 0) return;
    const results = new Map(portion.map(({ n, result }) => [n, result]));
    const open = await callsOfBatches.open(batch.id, [...results.keys()]);
    await Promise.all(open.map((call) => end.answered(call, results.get(call.n)!)));
  }

  /** What the batch has no answer for is asked by itself. */
  async function returnAll(batch: DueBatch, message: string): Promise<undefined> {
    for (;;) {
      const open = await callsOfBatches.open(batch.id, { after: 0, limit: PORTION });
      if (open.length === 0) break;
      await Promise.all(
        open.map((call) => end.returned(call, { type: 'Unavailable', message, provider: batch.provider })),
      );
    }
    await batches.ended(batch.id);
  }

  async function dropAll(batch: DueBatch): Promise<undefined> {
    for (const { key } of await callsOfBatches.open(batch.id, { after: 0, limit: batch.calls }))
      await callsOfBatches.end(key, 'dropped');
    await batches.ended(batch.id);
  }

  function asError({ model, provider }: DueBatch, thrown: unknown) {
    try {
      return providers.open(model).asCallError(thrown, model);
    } catch {
      return { type: 'Unavailable' as const, message: String(thrown), provider };
    }
  }
}

/** By which a call is known again in the results. */
function idOf({ id }: DueBatch, n: number): string {
  return `${id}-${n}`;
}

function numberOf({ id }: DueBatch, result: string): number | undefined {
  return result.startsWith(`${id}-`) ? Number(result.slice(id.length + 1)) : undefined;
}

/** A batch that may be this one is still at work. */
function lookAgainMs({ sendingForMs = 0 }: DueBatch): number {
  return Math.min(LONGEST_LOOK_MS, Math.max(SHORTEST_LOOK_MS, sendingForMs * LOOK_SHARE));
}
