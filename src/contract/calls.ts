import { z } from 'zod';
import type { CachedAnswer } from './course.ts';
import { CallError } from './errors.ts';
import { ForkSource } from './forks.ts';
import type { GuardrailFinding, TextCheck } from './guardrails.ts';
import { later } from './later.ts';
import { ModelRef, type ModelReply, type ModelRequest } from './models.ts';
import { type Policy, type PolicyRef, SemanticCache, Timeouts } from './policy.ts';
import type { RouteDecision, RouteFacts } from './route/decision.ts';
import type { Route } from './route/definition.ts';
import { RunOptions } from './runs.ts';
import type { WebhookDelivery } from './webhooks.ts';

/** Which run a call belongs to. `chain` stays the same over reset and continue-as-new (see chains.ts). */
export const RunRef = later(() =>
  RunOptions.omit({ webhook: true }).extend({
    id: z.string(),
    chain: z.string(),
    pattern: z.string(),
    /** ISO time at which the run was started */
    startedAt: z.string(),
    /** of what the run asks with, where it is a pattern's: see prompt-hash.ts */
    promptHash: z.string().optional(),
    /** chains of the runs this one is a step of: their budgets pay its calls too */
    above: z.array(z.string()).optional(),
  }),
);
export type RunRef = z.infer<typeof RunRef>;

/** The input of the activity `callModel`; the request travels as a second argument, so that candidates share its blob. */
export const ModelCall = later(() =>
  z.object({
    run: RunRef,
    step: z.string(),
    /** the step as the journal knows it, where its id depends on which of several branches came first */
    place: z.string().optional(),
    model: ModelRef,
    /** all candidates of the policy: the cached answer of any of them will do */
    candidates: z.array(ModelRef),
    timeouts: Timeouts.required(),
    maxAttempts: z.number().int(),
    /** it waits for a batch of the provider: `asked` by the policy, or as its step is `patient` enough */
    batch: z.enum(['asked', 'patient']).optional(),
    /** the provider goes on answering without us, where it can */
    background: z.boolean().optional(),
    /** seconds; undefined asks the provider anew */
    cacheTtlSeconds: z.number().optional(),
    /** an answer to a question near enough will do */
    semantic: SemanticCache.optional(),
    /** the candidate before this one, and why it was left */
    fallback: z.object({ from: ModelRef, error: CallError }).optional(),
    /** counts calls of one step that ask the same thing on purpose (a retry after an unusable answer) */
    sample: z.number().int().optional(),
    /** the step does not end with a usable answer: the workflow checks it first */
    checkedAfter: z.boolean().optional(),
    /** in a fork: whose journal may have the answer */
    from: ForkSource.optional(),
    /** longest `Retry-After` that is waited for in place, ms */
    maxRetryAfterMs: z.number(),
    /** ms since 1970, by Temporal's clock: when the step's own patience ends */
    deadline: z.number().optional(),
    /** other candidates, which the step has not asked yet: the answer of one to the same question, from before a worker was
     *  lost or the run was reset, is the step's */
    unasked: z.array(ModelRef).optional(),
    /** a cached answer that was not accepted: nobody else is to get it */
    evict: z.object({ model: ModelRef, requestHash: z.string() }).optional(),
  }),
);
export type ModelCall = z.infer<typeof ModelCall>;

/** A call that waits for a batch, as whoever ends it needs it. */
export interface BatchedCall {
  call: ModelCall;
  requestHash: string;
  /** whole, its output limited to what money is held for */
  request: ModelRequest;
  /** nobody reads its words as they come */
  quiet?: boolean;
  /** where the answer becomes a line of a transcript */
  answerAt?: { id: string; length: number; tokens: number };
}

/** The activities that workflows of the library call. */
export interface CadenzaActivities {
  /** Makes one request to one model, or returns what the same call already gave. */
  callModel(call: ModelCall, request: ModelRequest): Promise<ModelReply>;
  /** The same, and asks the second model too where the first one's first token has not come after so many ms. */
  callHedged(first: ModelCall, second: ModelCall, afterMs: number, request: ModelRequest): Promise<ModelReply>;
  /** Turns a policy's name and its aliases into models. @throws InvalidRequest */
  resolvePolicy(policy: PolicyRef | undefined): Promise<Policy>;
  /** The router of this name in the config. @throws InvalidRequest */
  resolveRoute(name: string): Promise<Route>;
  /** Decides for one request by rules, examples or goal, and writes the decision to the run's events; asked again, it
   *  decides the same. @param place see `ModelCall.place` */
  decideRoute(run: RunRef, step: string, route: Route, facts: RouteFacts, place?: string): Promise<RouteDecision>;
  /** Makes checks of texts, one list of findings a check. */
  checkGuardrails(checks: TextCheck[], texts: string[]): Promise<GuardrailFinding[][]>;
  /** The task queue of the workers that run patterns. */
  patternsQueue(): Promise<string>;
  /** Books what calls had streamed whose worker was lost, where they are not made again. */
  bookLost(calls: ModelCall[], request: ModelRequest): Promise<void>;
  /** Whether the workflow that asks was reset. @param first the run id it began with */
  wasReset(first: string): Promise<boolean>;
  /** Writes a step's or the run's own events, each at most once.
   *  @param evict an answer that the cache has, and is to give nobody any more */
  recordEvents(run: RunRef, events: RecordedEvent[], evict?: CachedAnswer): Promise<Booked | undefined>;
  /** Sends a signed message to the address a run names. */
  deliverWebhook(delivery: WebhookDelivery): Promise<void>;
}

/** What all attempts of a run cost, USD, as it is known at its end. */
export interface Booked {
  costUsd: number;
}

/** An event a workflow asks to be written; `key` makes a repeated write harmless. */
export const RecordedEvent = later(() =>
  z.object({
    type: z.string(),
    key: z.string(),
    step: z.string().optional(),
    data: z.record(z.string(), z.unknown()).optional(),
  }),
);
export type RecordedEvent = z.infer<typeof RecordedEvent>;
