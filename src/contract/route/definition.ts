import { z } from 'zod';
import { later } from '../later.ts';
import { JsonSchema, ModelRef } from '../models.ts';
import { Rubric } from '../patterns/verdict.ts';
import { PolicyRef } from '../policy.ts';
import { RoutePredicate } from './predicate.ts';

/** What a router chooses: the name of a policy, a model, or any word that `policies` (or the workflow) gives a meaning. */
const Label = later(() => z.string().min(1).max(200));

const shared = {
  /** chosen where nothing else is, and where the router itself fails */
  default: z
    .string({
      error: 'A router needs a default: the policy or model it chooses where nothing else is, or where it fails',
    })
    .min(1, 'A router needs a default')
    .max(200),
  /** what labels stand for; one that is not here is itself the name of a policy, or a model */
  policies: z.record(Label, PolicyRef).optional(),
};

/** ms a router may take before the default is chosen */
const timeoutMs = z.number().int().min(100).max(600_000).optional();

const RulesRoute = later(() =>
  z.strictObject({
    strategy: z.literal('rules'),
    ...shared,
    timeoutMs,
    /** the first one that holds decides */
    rules: z
      .array(z.strictObject({ when: RoutePredicate, choose: Label, reason: z.string().optional() }))
      .min(1)
      .max(100),
  }),
);
export type RulesRoute = z.infer<typeof RulesRoute>;

const ClassifierRoute = later(() =>
  z.strictObject({
    strategy: z.literal('classifier'),
    ...shared,
    timeoutMs,
    /** policy or model that classifies; a small one will do */
    model: PolicyRef,
    /** what each label is for, in words for the model */
    labels: z
      .record(Label, z.string().min(1))
      .refine((labels) => Object.keys(labels).length >= 2, 'A classifier needs at least two labels'),
    /** below it the default is chosen; 0..1, default 0.6 */
    minConfidence: z.number().min(0).max(1).optional(),
  }),
);
export type ClassifierRoute = z.infer<typeof ClassifierRoute>;

const SemanticRoute = later(() =>
  z.strictObject({
    strategy: z.literal('semantic'),
    ...shared,
    timeoutMs,
    /** requests as they come, by the label they belong to */
    examples: z
      .record(Label, z.array(z.string().min(1)).min(1))
      .refine((examples) => Object.keys(examples).length >= 1, 'A semantic router needs examples')
      .refine(
        (examples) => Object.values(examples).flat().length <= 1_000,
        'A semantic router has 1,000 examples at most',
      ),
    /** embedding model, default `sandbox/words`: shared words, free, made in the process */
    embeddings: z
      .string()
      .regex(/^[\w.-]+\/.+$/, 'An embedding model is written provider/model, for example openai/text-embedding-3-small')
      .optional(),
    /** how many of the nearest examples vote, default 3 */
    neighbours: z.number().int().min(1).max(50).optional(),
    /** cosine the nearest example must have at least; -1..1, default 0.1. Scales differ between embedding models */
    minSimilarity: z.number().min(-1).max(1).optional(),
    /** share of the neighbours' votes the label must have; 0..1, default 0.5 */
    minConfidence: z.number().min(0).max(1).optional(),
  }),
);
export type SemanticRoute = z.infer<typeof SemanticRoute>;

/** How a cascade tells a good answer from a bad one. */
const Acceptance = later(() =>
  z.discriminatedUnion('check', [
    /** it matches a JSON schema: the request's own, else this one, which is then asked for */
    z.strictObject({ check: z.literal('schema'), schema: JsonSchema.optional() }),
    /** a judge scores it at least so high, 0..1 */
    z.strictObject({
      check: z.literal('judge'),
      policy: PolicyRef,
      minScore: z.number().min(0).max(1),
      rubric: Rubric.optional(),
    }),
    /** so large a share (0..1) of n samples say the same; `field` names the value of a JSON answer that is compared */
    z.strictObject({
      check: z.literal('agreement'),
      samples: z.number().int().min(2).max(15),
      minAgreement: z.number().min(0).max(1),
      field: z.string().optional(),
    }),
  ]),
);
export type Acceptance = z.infer<typeof Acceptance>;

const CascadeRoute = later(() =>
  z.strictObject({
    strategy: z.literal('cascade'),
    ...shared,
    /** tried in order, cheapest first; after them the default answers, unchecked */
    stages: z.array(Label).min(1).max(8),
    accept: Acceptance,
  }),
);
export type CascadeRoute = z.infer<typeof CascadeRoute>;

const GoalRoute = later(() =>
  z.strictObject({
    strategy: z.literal('goal'),
    ...shared,
    timeoutMs,
    goal: z.enum(['cheapest', 'fastest', 'best']),
    candidates: z.array(Label).min(1).max(32),
    constraints: z
      .strictObject({
        /** estimated from the request's length, the mean length of the model's answers, and its price */
        maxUsdPerCall: z.number().positive().optional(),
        /** median, ms */
        maxFirstTokenMs: z.number().positive().optional(),
        /** median of whole answers, ms */
        maxTotalMs: z.number().positive().optional(),
        /** share of attempts that failed, 0..1 */
        maxErrorRate: z.number().min(0).max(1).optional(),
      })
      .optional(),
    /** how good a candidate is, 0..1; else the config's `quality` */
    quality: z.record(Label, z.number().min(0).max(1)).optional(),
    /** how far back calls are counted, default 24 */
    hours: z.number().positive().max(2_160).optional(),
    /** attempts it takes before a model's latency and errors are believed, default 5 */
    minCalls: z.number().int().min(1).optional(),
  }),
);
export type GoalRoute = z.infer<typeof GoalRoute>;

/** A router: which policy or model a request goes to. */
export const Route = later(() =>
  z.discriminatedUnion('strategy', [RulesRoute, ClassifierRoute, SemanticRoute, CascadeRoute, GoalRoute]),
);
export type Route = z.infer<typeof Route>;

export const RouteName = later(() =>
  z.string().regex(/^[\w-]+$/, 'A route is a definition, or the name of one in the config'),
);

/** A router, or the name of one in the config. */
export const RouteRef = later(() => z.union([RouteName, Route]));
export type RouteRef = z.infer<typeof RouteRef>;

/** How good models are, 0..1. */
export const Quality = later(() => z.record(ModelRef, z.number().min(0).max(1)));

/** ms a router may take, where it does not say. */
export const DEFAULT_ROUTE_TIMEOUT_MS = 15_000;
/** An embedding without any provider. */
export const DEFAULT_EMBEDDINGS = 'sandbox/words';
