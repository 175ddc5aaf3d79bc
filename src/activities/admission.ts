import { CancelledFailure, Context } from '@temporalio/activity';
import { limitsOf } from '../config/index.ts';
import {
  type CallError,
  type CallNeed,
  durationMs,
  effectiveLimits,
  kindOf,
  type LimitsByScope,
  type ModelRef,
  type NewEvent,
  priorityOf,
  providerOf,
  type RunRef,
  roomFor,
  type ScopeLimits,
  type Usage,
} from '../contract/index.ts';
import { ProviderError, toldLimits } from '../providers/index.ts';
import type { CircuitRules, LimitWait, OpenCircuit, Ticket } from '../store/index.ts';
import { awaitStore } from './await-store.ts';
import type { Rooms } from './rooms.ts';

/** A longer wait does not keep an activity's slot: the call is made later, by a durable timer, ms. */
const LONGEST_HERE_MS = 30_000;
/** A call that was put off so often waits where it is: Temporal counts attempts. */
const MOST_PUT_OFF = 100;
/** It is put off for a part of its wait, which may turn out shorter, and for at most so long, ms. */
const PUT_OFF_SHARE = 0.8;
const LONGEST_PUT_OFF_MS = 600_000;
/** Its place in the queue is kept for so long after it should be back, ms. */
const PLACE_KEPT_MS = 120_000;
/** Readers are told of waits that are longer, ms. */
const WORTH_TELLING_MS = 300;
/** A request has reached its provider so long after it was sent, where no answer began before, ms. */
const ARRIVES_WITHIN_MS = 2_000;

/** A call that is about to be made. */
interface Asked {
  /** the call key */
  key: string;
  model: ModelRef;
  run: RunRef;
  signal: AbortSignal;
  /** asked for only where there are limits: tokens take time to count */
  need: () => CallNeed;
  /** candidates that may be asked instead */
  others?: ModelRef[];
  /** a longer wait leaves the model to them, ms */
  maxRetryAfterMs?: number;
  /** how long the answer to whether a model is back may take, ms */
  probeMs: number;
  /** waits here for however long it takes */
  waitsHere?: boolean;
  tell(event: Extract<NewEvent, { type: 'call.waiting' }>): void;
}

/** Leave to make a call: `end` is said once it is over. */
export interface Admission {
  /** most tokens the answer may have, where limits leave it little room */
  maxOutputTokens?: number;
  /** ms it waited for room */
  waitedMs?: number;
  /** the provider's answer has begun */
  onHeaders(headers: Headers): void;
  onFirstToken(): void;
  end(outcome: { usage?: Usage; error?: CallError; isAborted?: boolean; isTypical?: boolean }): void;
}

/** Thrown where a call has to wait for longer than an activity should. */
export class PutOff extends Error {
  readonly error: CallError;
  readonly delayMs: number;

  constructor(error: CallError, delayMs: number) {
    super(error.message);
    this.error = error;
    this.delayMs = delayMs;
  }
}

/**
 * Lets a call through once its provider and model may be asked.
 *
 *   circuit open? --> error, next candidate
 *   limits? --> room, and nobody ahead --> go
 *                  +--> others may be asked sooner --> error, next candidate
 *                  +--> a place in the queue --> waits here, or comes back --> go
 *
 * Models without limits cost no question to the store.
 * @throws ProviderError with `held`: the provider was not asked; PutOff; the reason of the signal
 */
export async function admit(rooms: Rooms, asked: Asked): Promise<Admission> {
  const { circuits } = rooms.store;
  const { key, model, probeMs, signal } = asked;
  const scopes = [providerOf(model), model];
  refuseOpen(circuits.find(scopes), model);
  const limits = boundsOf(rooms, scopes);
  const room = limits && fitting(asked, limits);
  const begunAt = performance.now();
  const ticket = room && limits && (await awaitStore(signal, () => taken(rooms, asked, limits, room)));
  if (ticket?.wait) await waitFor(rooms, asked, ticket, ticket.wait);
  try {
    refuseOpen(await circuits.pass(scopes, key, probeMs), model);
  } catch (thrown) {
    ticket?.leave();
    throw thrown;
  }
  return admission(rooms, asked, scopes, ticket, {
    maxOutputTokens: room?.sendMost,
    waitedMs: ticket?.wait ? Math.round(ticket.waitedMs + performance.now() - begunAt) : undefined,
  });
}

function refuseOpen(open: OpenCircuit | undefined, model: ModelRef): void {
  if (!open) return;
  const { scope, failures, error, downSince, retryAfterMs } = open;
  throw new ProviderError({
    type: error.type,
    message: `Not asked: the circuit of ${scope} is open since ${new Date(downSince).toISOString()}, after ${failures} failures. The last one: ${error.message}`,
    hint: 'One call finds out whether it is back, once it has rested; cadenza doctor shows open circuits',
    provider: providerOf(model),
    model,
    retryAfterMs,
    held: 'circuit',
  });
}

/** What is configured, and what was learned; undefined where neither says anything of the model. */
function boundsOf({ config, store }: Rooms, scopes: string[]): LimitsByScope | undefined {
  const of = (scope: string) =>
    effectiveLimits(
      limitsOf(config.limits, scope),
      config.learnLimits === false ? undefined : store.learnedLimits.of(scope),
    );
  const found = scopes.map((scope) => [scope, of(scope)] as const);
  if (found.every(([, limits]) => limits === undefined)) return undefined;
  return Object.fromEntries(found.map(([scope, limits]) => [scope, limits ?? ({} as ScopeLimits)]));
}

type Room = CallNeed & { most?: number; sendMost?: number };

/** @throws ProviderError for a call that is larger than a whole window */
function fitting({ model, need }: Asked, limits: LimitsByScope): Room {
  const needed = need();
  const room = roomFor(model, needed, limits);
  if ('error' in room) throw new ProviderError(room.error);
  return needed.output === undefined ? { ...needed, ...room } : needed;
}

function taken({ store }: Rooms, { key, model, run }: Asked, limits: LimitsByScope, room: Room): Promise<Ticket> {
  return store.limits.take({
    ...{ key, model, limits, tenant: run.tenant, priority: priorityOf(run) },
    ...{ input: room.input, output: room.output, mostOutput: room.most },
  });
}

async function waitFor({ store }: Rooms, asked: Asked, ticket: Ticket, wait: LimitWait): Promise<void> {
  const { model, signal, others = [], maxRetryAfterMs = Number.POSITIVE_INFINITY, tell } = asked;
  const { scope, limit, ahead, waitMs } = wait;
  const error: CallError = {
    type: 'RateLimited',
    message: `Not asked: the limit of ${limit} of ${scope} is used up, and ${ahead} calls wait for it`,
    hint: 'It is asked in its turn. Limits stand in cadenza.config.ts, under limits',
    provider: providerOf(model),
    model,
    retryAfterMs: waitMs,
    held: 'limit',
  };
  const mayAskOthers = others.some((other) => !store.circuits.find([providerOf(other), other]));
  if (waitMs > maxRetryAfterMs && mayAskOthers) {
    ticket.park(waitMs + PLACE_KEPT_MS);
    throw new ProviderError(error);
  }
  const telling = () => tell({ type: 'call.waiting', model, scope, limit, ahead, expectedMs: waitMs });
  const waitsHere = asked.waitsHere || Context.current().info.attempt > MOST_PUT_OFF;
  const putOff = (ms: number): PutOff => {
    ticket.park(ms + PLACE_KEPT_MS);
    return new PutOff(error, ms);
  };
  if (!waitsHere && waitMs > LONGEST_HERE_MS) {
    telling();
    throw putOff(Math.min(PUT_OFF_SHARE * waitMs, LONGEST_PUT_OFF_MS));
  }
  const timer = setTimeout(telling, WORTH_TELLING_MS);
  try {
    await ticket.admitted(waitsHere ? signal : AbortSignal.any([signal, AbortSignal.timeout(LONGEST_HERE_MS)]));
  } catch (thrown) {
    if (!signal.aborted) throw putOff(1_000);
    // Another worker goes on with what this one leaves; what was cancelled, nobody.
    if (isWorkerStopping(signal.reason)) ticket.park(PLACE_KEPT_MS);
    else ticket.leave();
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
}

function isWorkerStopping(reason: unknown): boolean {
  return reason instanceof CancelledFailure && reason.message !== 'CANCELLED';
}

function admission(
  { store, config, log }: Rooms,
  { key, model }: Asked,
  scopes: string[],
  ticket: Ticket | undefined,
  told: Pick<Admission, 'maxOutputTokens' | 'waitedMs'>,
): Admission {
  const { circuits, learnedLimits } = store;
  const latestArrival = performance.now() + ARRIVES_WITHIN_MS;
  const rules = rulesOf(config.circuits);
  let arrivedAt: number | undefined;
  let isCounted = false;

  /** What is not told is found out anew: nobody waits for it. */
  function later(what: string, written: Promise<void>): void {
    written.catch((error: unknown) => log.debug({ error: String(error), model }, `${what} could not be told`));
  }

  function succeeded(): void {
    if (isCounted) return;
    isCounted = true;
    later('A success', circuits.succeeded(scopes, key, rules));
  }

  function count(error: CallError | undefined, isAborted: boolean): void {
    const isAnswer = !isAborted && (!error || (kindOf(error, []) !== 'outage' && error.status !== undefined));
    if (isAnswer) succeeded();
    else if (error && !isAborted && kindOf(error, []) === 'outage') {
      const [provider, own] = scopes as [string, string];
      const failed = (scope: string) => later('A failure', circuits.failed({ scope, key, error, rules }));
      failed(own);
      if (isUnreachable(error)) failed(provider);
    } else later('The end of a probe', circuits.abandon(scopes, key));
  }

  return {
    ...told,
    onHeaders(headers) {
      arrivedAt ??= performance.now();
      const limits = config.learnLimits ? toldLimits(headers) : undefined;
      if (!limits?.isPressing) return;
      const { used, resetMs } = limits;
      const counted = {
        requests: used.requests,
        inputTokens: used.inputTokens ?? used.tokens,
        outputTokens: used.outputTokens,
      };
      later('A limit', learnedLimits.keep({ scope: model, limits: limits.limits, used: counted, resetMs }));
    },
    onFirstToken: succeeded,
    end({ usage, error, isAborted = false, isTypical = false }) {
      const now = performance.now();
      ticket?.used({
        arrivedAt: Math.min(arrivedAt ?? now, latestArrival, now),
        input: usage?.inputTokens,
        output: usage?.outputTokens ?? (error ? 0 : undefined),
        isTypical,
      });
      count(error, isAborted);
    },
  };
}

/** Nobody answers at the provider's address, whichever model is asked for. */
function isUnreachable({ type, phase, midStream }: CallError): boolean {
  return (type === 'ConnectionLost' && !midStream) || (type === 'Timeout' && phase === 'connect');
}

function rulesOf({ failures, within, rest }: Rooms['config']['circuits']): CircuitRules {
  return { failures, withinMs: durationMs(within), restMs: durationMs(rest) };
}
