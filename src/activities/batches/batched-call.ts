import { ApplicationFailure, Context } from '@temporalio/activity';
import { ApplicationFailureCategory } from '@temporalio/common';
import { type BatchedCall, type ModelCall, type ModelRequest, modelIdOf, providerOf } from '../../contract/index.ts';
import type { BatchWire } from '../../providers/index.ts';
import type { BatchStanding } from '../../store/index.ts';
import { awaitStore } from '../await-store.ts';
import { failureOf } from '../failure.ts';
import type { Rooms } from '../rooms.ts';

/** What a provider's address was found to know is asked again after so long, ms. */
const KNOWN_FOR_MS = 3_600_000;
/** One that says nothing of it now is asked again after so long, ms: calls go on without. */
const UNKNOWN_FOR_MS = 60_000;
/** How long the question may take, ms: the call waits for it. */
const ASKED_WITHIN_MS = 5_000;

/** A waiting call looks after this part of the time it has waited whether its answer is there, within these, ms. */
const LOOK_SHARE = 1 / 8;
const SHORTEST_LOOK_MS = 1_000;
const LONGEST_LOOK_MS = 300_000;
/** In the direct lane a wait that long is a workflow's, ms. */
const LOOK_OF_LOCAL_MS = 6_000;

const IN_BATCH = 'InBatch';

/** The activity ends, and begins again after a while: so long it holds nothing of its worker. */
export function isInBatch(thrown: unknown): thrown is ApplicationFailure {
  return thrown instanceof ApplicationFailure && thrown.type === IN_BATCH;
}

/** The same for an activity that waits for several calls. @param delays ms, of each */
export function waitsForBatch(message: string, delaysMs: number[]): ApplicationFailure {
  return ApplicationFailure.create({
    type: IN_BATCH,
    message,
    category: ApplicationFailureCategory.BENIGN,
    nextRetryDelay: Math.min(...delaysMs),
  });
}

export interface BatchedCalls {
  /** Lets the call wait for a batch, its attempt begun. @throws ApplicationFailure `InBatch`. Returns where it is to be asked by itself after all */
  add(request: ModelRequest, epoch: number, answerAt: BatchedCall['answerAt']): Promise<void>;
}

interface Place {
  key: string;
  requestHash: string;
  /** the answer to an equal request of the tenant, known by this, is this one's too */
  sharedAs?: string;
}

/**
 * How a call goes into a batch of its provider:
 *
 *   may it wait? does the provider know batches? --no--> asked by itself, at once
 *     | yes
 *   waits already? --> the activity ends, and looks again later (Temporal's retry: nothing in the history, no slot)
 *     | no                                             ... until the journal has its answer, or it is returned
 *   attempt begun, money reserved --> kept in the store, for whoever makes batches (collect-batches.ts)
 *
 * @returns undefined where the call is to be asked by itself
 * @throws ApplicationFailure `InBatch` where it waits, or the error its batch brought
 */
export function createBatchedCalls(rooms: Rooms, quiet: boolean) {
  const { store, providers } = rooms;
  const { callsOfBatches } = store;
  const knows = createBatchSupport(rooms);

  return async (
    call: ModelCall,
    asked: ModelRequest,
    { key, requestHash, sharedAs = '' }: Place,
    signal: AbortSignal,
  ): Promise<BatchedCalls | undefined> => {
    const { isLocal } = Context.current().info;
    if (!call.batch || (call.batch === 'patient' && (isLocal || isTurn(asked)))) return undefined;
    const equal = sharedAs !== '' && { tenant: call.run.tenant ?? '', sharedAs, model: call.model };
    const standing = await awaitStore(signal, () => callsOfBatches.standing(key, equal || undefined));
    if (standing.state === 'waiting' || standing.state === 'batched') throw waits(standing, isLocal);
    if (standing.state === 'failed') {
      await awaitStore(signal, () => callsOfBatches.takeFailure(key));
      throw failureOf(standing.error, 'final');
    }
    if (standing.state === 'returned' || !(await knows(call.model, signal))) return undefined;

    return {
      async add(request, epoch, answerAt) {
        const { name, batches: wire } = providers.open(call.model);
        const lane = await wire!.laneOf({ model: modelIdOf(call.model), request }).catch(() => undefined);
        // Asked by itself, it says why it cannot be sent.
        if (lane === undefined) return;
        const { from: _, fallback: __, evict: ___, unasked: ____, ...needed } = call;
        const bytes = Buffer.byteLength(JSON.stringify(request));
        const waiting = {
          key,
          epoch,
          provider: name,
          lane,
          bytes,
          call: needed,
          requestHash,
          sharedAs,
          request,
          answerAt,
        };
        await awaitStore(signal, () => callsOfBatches.add({ ...waiting, ...(quiet ? { quiet } : {}) }));
        throw waits({ state: 'waiting', sinceMs: 0, provider: name }, isLocal);
      },
    };
  };
}

/** A turn of a conversation or of an agent: somebody, or the next turn, waits for it. */
function isTurn({ transcript, tools, toolset }: ModelRequest): boolean {
  return transcript !== undefined || tools !== undefined || toolset !== undefined;
}

function waits(
  { provider, sinceMs, calls, remoteId }: Extract<BatchStanding, { sinceMs: number }>,
  isLocal: boolean,
): ApplicationFailure {
  const shortest = isLocal ? LOOK_OF_LOCAL_MS : SHORTEST_LOOK_MS;
  const lookMs = Math.min(LONGEST_LOOK_MS, Math.max(shortest, sinceMs * LOOK_SHARE));
  const where = calls === undefined ? `for a batch of ${provider}` : `in a batch of ${provider}, of ${calls} calls`;
  return waitsForBatch(`Waits ${where}${remoteId ? ` (${remoteId})` : ''}`, [Math.round(lookMs)]);
}

/** Whether a model's provider knows batches: asked once an hour, and remembered by all workers. */
export function createBatchSupport({ store, providers, log }: Rooms) {
  /** ms since 1970 until which a provider is not asked again, that said nothing of it */
  const unknownUntil = new Map<string, number>();

  return async (model: string, signal: AbortSignal): Promise<boolean> => {
    const wire = providers.find(model)?.batches;
    if (!wire) return false;
    const provider = providerOf(model);
    const known = await awaitStore(signal, () => store.batches.support(provider));
    if (known !== undefined) return known;
    if ((unknownUntil.get(provider) ?? 0) > Date.now()) return false;
    const isThere = await answers(wire, signal);
    if (isThere === undefined) {
      unknownUntil.set(provider, Date.now() + UNKNOWN_FOR_MS);
      return false;
    }
    if (!isThere) log.info({ provider }, 'The provider’s address knows no batches: calls are made one by one');
    await awaitStore(signal, () => store.batches.learn(provider, isThere, KNOWN_FOR_MS));
    return isThere;
  };
}

/** @returns undefined where it is not told: the provider is down, or does not take the key */
async function answers(wire: BatchWire, signal: AbortSignal): Promise<boolean | undefined> {
  try {
    return await wire.isThere(AbortSignal.any([signal, AbortSignal.timeout(ASKED_WITHIN_MS)]));
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}
