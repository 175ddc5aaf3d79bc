import { z } from 'zod';
import { FoundPassage } from './documents.ts';
import { CallError } from './errors.ts';
import { GuardrailEvent } from './guardrails.ts';
import { later } from './later.ts';
import { FinishReason, ModelRef, Usage } from './models.ts';

const data = <Name extends string, Shape extends z.ZodRawShape>(type: Name, shape: Shape) =>
  z.object({ type: z.literal(type), ...shape });

/** How far a map is. What is left is an estimate from its rows so far; null before there are any, or without prices. */
export const MapProgress = later(() =>
  z.object({
    done: z.number().int(),
    failed: z.number().int(),
    total: z.number().int(),
    costUsd: z.number().nullable(),
    secondsLeft: z.number().nullable(),
    usdLeft: z.number().nullable(),
  }),
);
export type MapProgress = z.infer<typeof MapProgress>;

/** How far an ingest is, in documents. */
export const IngestProgress = later(() =>
  z.object({
    /** read and embedded */
    done: z.number().int(),
    /** there as they are */
    skipped: z.number().int(),
    failed: z.number().int(),
    total: z.number().int(),
    /** pieces of what is done */
    chunks: z.number().int(),
    /** of the run; null without prices */
    costUsd: z.number().nullable(),
  }),
);
export type IngestProgress = z.infer<typeof IngestProgress>;

const money = { usage: Usage, costUsd: z.number().nullable() };

/**
 * What an event says beside its place in the run. Readers that show text keep it by `call` and drop what they have
 * of a call when its `epoch` rises.
 */
export const EventBody = later(() =>
  z.discriminatedUnion('type', [
    /** `pruned`: the events up to the run's end are no longer kept */
    data('run.started', {
      pattern: z.string(),
      tenant: z.string().optional(),
      promptHash: z.string().optional(),
      pruned: z.boolean().optional(),
    }),
    /** `run`: the run the step is done by, where it is one of its own; `agent`: who does it, in a crew; `message`: what it
     *  answers in a conversation */
    data('step.started', {
      agent: z.string().optional(),
      run: z.string().optional(),
      message: z.object({ id: z.string(), text: z.string() }).optional(),
    }),
    /** an agent at work was told something, which its next turn reads */
    data('message.taken', { text: z.string() }),
    data('call.started', { model: ModelRef }),
    data('call.delta', { text: z.string() }),
    data('call.reasoning', { text: z.string() }),
    /** a piece of the arguments as it comes (`delta`), then all of them */
    data('call.toolcall', {
      id: z.string(),
      name: z.string(),
      delta: z.string().optional(),
      arguments: z.record(z.string(), z.unknown()).optional(),
    }),
    /** the attempt failed; the next one has the event's epoch and begins after `delayMs`. `failedAt`: when, where the step
     *  waited, or asked others, before it asked this model again (ISO) */
    data('call.retrying', {
      model: ModelRef,
      error: CallError,
      delayMs: z.number(),
      failedAt: z.string().optional(),
    }),
    /** what may be asked of `scope`, a provider or model, is used up: the call waits for its turn, some `expectedMs`, with so
     *  many calls ahead of it */
    data('call.waiting', {
      model: ModelRef,
      scope: z.string(),
      limit: z.enum(['requests', 'tokens', 'inputTokens', 'outputTokens', 'concurrent']),
      ahead: z.number().int(),
      expectedMs: z.number(),
    }),
    data('call.fallback', { from: ModelRef, to: ModelRef, error: CallError }),
    /** the first token of `from` was late, so `to` is asked too: whoever speaks first is heard */
    data('call.hedged', { from: ModelRef, to: ModelRef, afterMs: z.number() }),
    /** another model was quicker: readers drop the text; what it cost so far is estimated */
    data('call.abandoned', { model: ModelRef, by: ModelRef, ...money }),
    /** `similarity`: the answer is that of another prompt, so near to this one (cosine); `of`: the hash of its request */
    data('call.cached', {
      model: ModelRef,
      savedUsd: z.number().nullable(),
      usage: Usage,
      similarity: z.number().optional(),
      of: z.string().optional(),
    }),
    /** the call was sent in a batch of its provider, with so many others in all: its answer comes within a day */
    data('call.batched', { model: ModelRef, batch: z.string(), calls: z.number().int() }),
    data('call.completed', {
      model: ModelRef,
      ...money,
      finishReason: FinishReason,
      cached: z.boolean().optional(),
      batched: z.boolean().optional(),
      /** the answer does not match its schema, and is asked for again */
      invalid: z.string().optional(),
      /** ms in which it waited for room under a limit, before it was asked */
      waitedMs: z.number().optional(),
      firstTokenMs: z.number().optional(),
      totalMs: z.number().optional(),
    }),
    /** a check of what is asked or answered was made */
    data('guardrail', GuardrailEvent()),
    /** `id`: the model's name of the call; `by`: who does the work, where it is not a worker */
    data('tool.started', {
      tool: z.string(),
      id: z.string().optional(),
      agent: z.string().optional(),
      arguments: z.record(z.string(), z.unknown()),
      by: z.enum(['client', 'person', 'workflow']).optional(),
    }),
    /** `result`: its beginning. `interrupted`: a crash hid what became of it */
    data('tool.completed', {
      tool: z.string(),
      id: z.string().optional(),
      result: z.string().optional(),
      error: CallError.optional(),
      interrupted: z.boolean().optional(),
    }),
    data('route.decided', {
      choice: z.string(),
      reason: z.string(),
      confidence: z.number().optional(),
      rejected: z.array(z.unknown()).optional(),
      /** what would have done too, best first */
      alternatives: z.array(z.string()).optional(),
      /** of embeddings, to decide */
      costUsd: z.number().optional(),
    }),
    data('approval.requested', {
      approval: z.string(),
      show: z.unknown(),
      expiresAt: z.string().optional(),
      approvers: z.array(z.string()).optional(),
    }),
    data('approval.resolved', {
      approval: z.string(),
      approved: z.boolean(),
      by: z.string().optional(),
      comment: z.string().optional(),
      /** what the person changed of what was asked */
      arguments: z.record(z.string(), z.unknown()).optional(),
      /** nobody answered in time */
      expired: z.boolean().optional(),
    }),
    /** somebody answered who may not */
    data('approval.refused', {
      approval: z.string(),
      approved: z.boolean(),
      by: z.string().optional(),
      identities: z.array(z.string()).optional(),
    }),
    data('budget.warning', { scope: z.string(), spentUsd: z.number(), budgetUsd: z.number() }),
    /** at most one a second */
    data('map.progress', MapProgress.shape),
    /** at most one a second */
    data('ingest.progress', IngestProgress.shape),
    /** a document could not be read */
    data('ingest.failed', { source: z.string(), error: CallError }),
    /** what a question found, nearest first */
    data('documents.found', { query: z.string(), passages: z.array(FoundPassage) }),
    /** each quote of an answer was looked for in its passage; those that are not there are left out */
    data('citations.checked', { citations: z.number().int(), removed: z.array(z.string()) }),
    data('verdict', { verdict: z.unknown() }),
    data('step.completed', {}),
    /** the step has no result, and the run goes on without it */
    data('step.failed', { error: CallError }),
    data('run.completed', { costUsd: z.number().nullable() }),
    data('run.failed', { error: CallError }),
    data('run.cancelled', { error: CallError.optional() }),
  ]),
);
export type EventBody = z.infer<typeof EventBody>;
export type EventType = EventBody['type'];

const place = {
  runId: z.string(),
  /** 1, 2, 3, ... without a gap in one run; also the cursor of readers */
  seq: z.number().int(),
  /** ISO time of the commit */
  at: z.string(),
  step: z.string().optional(),
  /** which model call, stable over its attempts */
  call: z.string().optional(),
  /** the attempt of that call, from 1 */
  epoch: z.number().int().optional(),
};

/** One line of a run's event log. */
export const RunEvent = later(() => z.intersection(z.object(place), EventBody));
export type RunEvent = {
  [Type in EventType]: z.infer<z.ZodObject<typeof place>> & Extract<EventBody, { type: Type }>;
}[EventType];

/** An event before the log gives it its number and time. */
export type NewEvent = EventBody & { step?: string; call?: string; epoch?: number };

const TERMINAL = new Set<EventType>(['run.completed', 'run.failed', 'run.cancelled']);

/** True for the events that end a run. */
export function isTerminal(event: { type: EventType }): boolean {
  return TERMINAL.has(event.type);
}
