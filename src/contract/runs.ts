import { z } from 'zod';
import { CallError } from './errors.ts';
import { later } from './later.ts';
import { ModelRef, Usage } from './models.ts';
import { RunPriority } from './priority.ts';
import { Webhook } from './webhooks.ts';

/** What an API key is called. That of a tenant's key is `<tenant>:<name>`; of those in CADENZA_API_KEYS it is the first 12 hex
 *  digits of their SHA-256. */
export const KeyName = later(() =>
  z.string().regex(/^([\w.@-]{1,64}:)?[\w.-]{1,64}$/, 'The name of a key is letters, digits and . _ -'),
);

/** The second argument of every pattern. */
export const RunOptions = later(() =>
  z.strictObject({
    tenant: z
      .string()
      .min(1)
      .max(200)
      .refine((name) => !/\p{Cc}/u.test(name), 'The name of a tenant holds no control characters')
      .optional(),
    /** name of the API key the run was started with, whose budget pays too: never the key itself */
    key: KeyName.optional(),
    /** most USD the run may spend */
    budgetUsd: z.number().positive('A budget is a number of USD above 0').optional(),
    /** at most 8 KiB as JSON: it travels with every call */
    metadata: z
      .record(z.string(), z.unknown())
      .refine((value) => JSON.stringify(value).length <= 8_192, 'metadata is at most 8 KiB as JSON')
      .optional(),
    /** who goes first where calls wait for limits, or runs for workers; left out, see RunPriority */
    priority: RunPriority.optional(),
    /** who is told when the run has ended */
    webhook: Webhook.optional(),
    /** cached answers are shared among runs of this name alone: a run that must not be answered by another's names one of its own */
    cacheScope: z
      .string()
      .regex(/^[\w.:@-]{1,64}$/, 'A cache scope is at most 64 letters, digits and . : @ _ -')
      .optional(),
  }),
);
export type RunOptions = z.infer<typeof RunOptions>;

export const RunId = later(() =>
  z
    .string()
    .min(1)
    .max(200)
    .regex(/^[\w.:@/-]+$/, 'A run id is letters, digits and . : @ / _ -'),
);

export const StartRun = later(() =>
  RunOptions.extend({
    pattern: z.string().min(1),
    input: z.unknown(),
    id: RunId.optional(),
    /** all of it as one activity; left out, as the policy of its input says */
    lane: z.literal('direct').optional(),
  }),
);
export type StartRun = z.infer<typeof StartRun>;

export const RunStatus = later(() => z.enum(['running', 'completed', 'failed', 'cancelled']));
export type RunStatus = z.infer<typeof RunStatus>;

export const RunInfo = later(() =>
  z.object({
    id: z.string(),
    pattern: z.string(),
    status: RunStatus,
    tenant: z.string().optional(),
    metadata: z.record(z.string(), z.unknown()).optional(),
    startedAt: z.string(),
    endedAt: z.string().optional(),
    /** of how it asks, without what it was asked: see `promptHash` (patterns only) */
    promptHash: z.string().optional(),
    models: z.array(ModelRef),
    costUsd: z.number().nullable(),
    error: CallError.optional(),
    /** in the direct lane: the run id of the activity it began in, by which the Temporal UI shows it; empty where it began before Temporal named that */
    activityRunId: z.string().optional(),
    links: z.record(z.string(), z.string()).optional(),
  }),
);
export type RunInfo = z.infer<typeof RunInfo>;

export const ListRuns = later(() =>
  z.object({
    pattern: z.string().optional(),
    status: RunStatus.optional(),
    tenant: z.string().optional(),
    /** asked for an answer, at least once */
    model: ModelRef.optional(),
    /** part of the run's id, in any case */
    text: z.string().min(1).max(200).optional(),
    /** begun then or later, and before */
    since: z.iso.datetime({ offset: true }).optional(),
    until: z.iso.datetime({ offset: true }).optional(),
    /** cost so much or more, USD */
    minCostUsd: z.coerce.number().nonnegative().optional(),
    limit: z.coerce.number().int().min(1).max(200).default(50),
    cursor: z.string().optional(),
  }),
);
export type ListRuns = z.input<typeof ListRuns>;

export const RunPage = later(() => z.object({ runs: z.array(RunInfo), nextCursor: z.string().optional() }));
export type RunPage = z.infer<typeof RunPage>;

/** What one attempt of a call used, however it ended; a cached one costs nothing. */
export const BillLine = later(() =>
  z.object({
    step: z.string(),
    model: ModelRef,
    usage: Usage,
    costUsd: z.number().nullable(),
    cached: z.boolean(),
    /** asked in a batch of the provider, at its price */
    batch: z.boolean().optional(),
    /** of one in a batch: USD that it, and the provider's cache, took off; left out where it is not known */
    savedUsd: z.number().optional(),
    /** the provider did not tell the usage: it is counted from what was sent and said */
    estimated: z.boolean().optional(),
  }),
);
export type BillLine = z.infer<typeof BillLine>;

/** What a run cost. `totalUsd` sums the known costs; `unpriced` counts calls whose price is not known. */
export const Bill = later(() =>
  z.object({
    totalUsd: z.number().nullable(),
    inputTokens: z.number().int(),
    outputTokens: z.number().int(),
    unpriced: z.number().int(),
    /** USD that batches took off, caches of providers included; left out where no call was in one */
    savedByBatchUsd: z.number().optional(),
    calls: z.array(BillLine),
  }),
);
export type Bill = z.infer<typeof Bill>;

/** Which steps of a run: those after the last one of a page. */
export const ListSteps = later(() =>
  z.object({
    after: z.coerce.number().int().nonnegative().default(0),
    limit: z.coerce.number().int().min(1).max(1_000).default(1_000),
  }),
);
export type ListSteps = z.input<typeof ListSteps>;

/** What a run was asked: the input it was started with. */
export const RunInput = later(() => z.object({ id: z.string(), pattern: z.string(), input: z.unknown() }));
export type RunInput = z.infer<typeof RunInput>;

/** One try of a call that needed several. Where the next one began later than this one ended, the step waited. */
const CallAttempt = () =>
  z.object({
    startedAt: z.string(),
    endedAt: z.string().optional(),
    error: CallError.optional(),
    usage: Usage.optional(),
    costUsd: z.number().nullable().optional(),
    estimated: z.boolean().optional(),
  });

const TimelineCall = () =>
  z.object({
    /** as events name it */
    call: z.string(),
    model: ModelRef,
    startedAt: z.string(),
    endedAt: z.string().optional(),
    attempts: z.number().int(),
    /** in order; left out where there was one, and once events are no longer kept */
    eachAttempt: z.array(CallAttempt()).optional(),
    cached: z.boolean(),
    /** the batch of the provider it is or was in */
    batch: z
      .object({
        /** the provider's id, once it has one */
        id: z.string().optional(),
        /** how many it holds, once it is made up */
        calls: z.number().int().optional(),
        state: z.enum(['gathering', 'submitted', 'answered', 'left']),
        submittedAt: z.string().optional(),
      })
      .optional(),
    /** the model that was asked before, and why it was left */
    fallback: z.object({ from: ModelRef, error: CallError }).optional(),
    /** asked beside this model, whose first token was late */
    hedgeOf: ModelRef.optional(),
    /** the quicker model that was heard instead */
    abandonedFor: ModelRef.optional(),
    /** ms in which it waited for room under a limit */
    waitedMs: z.number().optional(),
    firstTokenMs: z.number().optional(),
    totalMs: z.number().optional(),
    usage: Usage.optional(),
    costUsd: z.number().nullable().optional(),
    finishReason: z.string().optional(),
    /** why its answer was not taken: it does not match the schema */
    invalid: z.string().optional(),
    errors: z.array(CallError),
  });

const TimelineTool = () =>
  z.object({
    tool: z.string(),
    /** of its arguments, what tells most */
    summary: z.string(),
    startedAt: z.string(),
    endedAt: z.string().optional(),
    agent: z.string().optional(),
    /** who does the work, where it is not a worker */
    by: z.string().optional(),
    error: CallError.optional(),
    /** a crash hid what became of it */
    interrupted: z.boolean().optional(),
  });

const TimelineApproval = () =>
  z.object({
    requestedAt: z.string(),
    expiresAt: z.string().optional(),
    resolvedAt: z.string().optional(),
    approved: z.boolean().optional(),
    by: z.string().optional(),
    comment: z.string().optional(),
    expired: z.boolean().optional(),
  });

/** Steps and attempts of a run, in the order they began. Times are ISO, durations ms. */
export const Timeline = later(() =>
  z.object({
    id: z.string(),
    /** it is so long ago that the calls are no longer kept */
    pruned: z.boolean().optional(),
    /** `after` of the next page, where there is one */
    nextAfter: z.number().int().optional(),
    steps: z.array(
      z.object({
        step: z.string(),
        startedAt: z.string(),
        endedAt: z.string().optional(),
        /** the run it is done by, where that is one of its own */
        run: z.string().optional(),
        /** who does it, in a crew */
        agent: z.string().optional(),
        /** it has no result, and the run went on without it */
        error: CallError.optional(),
        tool: TimelineTool().optional(),
        approval: TimelineApproval().optional(),
        calls: z.array(TimelineCall()),
      }),
    ),
  }),
);
export type Timeline = z.infer<typeof Timeline>;
