import { z } from 'zod';
import { later } from './later.ts';

/** What can go wrong with a call or a run. A failure's `ApplicationFailure.type` is always one of these. */
export const ErrorType = later(() =>
  z.enum([
    'RateLimited',
    'Overloaded',
    'Unavailable',
    'ConnectionLost',
    'Timeout',
    'QuotaExhausted',
    'AuthenticationFailed',
    'ModelNotFound',
    'ContextTooLong',
    'ContentFiltered',
    'Refused',
    'InvalidOutput',
    'InvalidRequest',
    'BudgetExceeded',
    'ToolDenied',
    'ToolFailed',
    'Cancelled',
  ]),
);
export type ErrorType = z.infer<typeof ErrorType>;

/** Which of a call's clocks ran out. */
export const TimeoutPhase = later(() => z.enum(['connect', 'firstToken', 'betweenTokens', 'total']));
export type TimeoutPhase = z.infer<typeof TimeoutPhase>;

/** An error as every room, event and HTTP answer carries it. Never holds a secret, a header or a request body. */
export const CallError = later(() =>
  z.object({
    type: ErrorType,
    message: z.string(),
    /** what a person can do about it */
    hint: z.string().optional(),
    provider: z.string().optional(),
    model: z.string().optional(),
    status: z.number().int().optional(),
    requestId: z.string().optional(),
    /** ms the provider asked us to wait */
    retryAfterMs: z.number().nonnegative().optional(),
    phase: TimeoutPhase.optional(),
    /** ms that clock of ours was set to */
    limitMs: z.number().optional(),
    /** the provider had already sent part of its answer, so the input was paid for */
    midStream: z.boolean().optional(),
    /** no wait helps: one request alone is larger than the limit */
    permanent: z.boolean().optional(),
    /** the provider was not asked: its circuit is open, or what may be asked of it is used up */
    held: z.enum(['circuit', 'limit']).optional(),
    /** the provider does not take the schema the answer must match; another one, or a looser request, may */
    schemaRefused: z.boolean().optional(),
    /** the model does not know this setting, on which the request insists; another one may */
    lacksSetting: z.string().optional(),
    /** the field of the input that is wrong, as `input.policy.candidates[0]` */
    path: z.string().optional(),
    step: z.string().optional(),
  }),
);
export type CallError = z.infer<typeof CallError>;

/**
 * What to do after an error, by its type.
 * - `retry`: ask the same model again, with backoff, then the next candidate
 * - `next`: the next candidate at once
 * - `larger`: the next candidate with a larger window
 * - `policy`: the next candidate only if the policy says so (`fallbackOn`)
 * - `repair`: one repair call, one more try, then the next candidate
 * - `fail`: nobody else would answer otherwise
 */
const REACTIONS = {
  RateLimited: 'retry',
  Overloaded: 'retry',
  Unavailable: 'retry',
  ConnectionLost: 'retry',
  Timeout: 'retry',
  QuotaExhausted: 'next',
  AuthenticationFailed: 'next',
  ModelNotFound: 'next',
  ContextTooLong: 'larger',
  ContentFiltered: 'policy',
  Refused: 'policy',
  InvalidOutput: 'repair',
  InvalidRequest: 'fail',
  BudgetExceeded: 'fail',
  ToolDenied: 'fail',
  ToolFailed: 'fail',
  Cancelled: 'fail',
} as const satisfies Record<ErrorType, string>;

export type Reaction = (typeof REACTIONS)[ErrorType];

export function reactionTo(type: ErrorType): Reaction {
  return REACTIONS[type];
}

/** True for errors that time heals: an outage, a limit, a lost connection. */
export function isOutage(type: ErrorType): boolean {
  return reactionTo(type) === 'retry';
}

/** A schema that answers cannot be checked against. */
export function unusableSchema(problem: string, path: string): CallError {
  return {
    type: 'InvalidRequest',
    message: `${path}: No answer can be checked against this schema: ${problem}`,
    hint: 'Schemas are JSON Schema 2020-12 or draft 7, whole in themselves; patterns are JavaScript’s or RE2’s',
    path,
  };
}

/** One sentence of a zod error, beginning with the path of the field: `input.models: Too small: ...`. */
export function invalidRequest(error: z.ZodError, root = 'input'): CallError {
  const [issue] = error.issues;
  const path = fieldPath(root, deepestIssue(issue!).path);
  return { type: 'InvalidRequest', message: `${path}: ${deepestIssue(issue!).message}`, path };
}

/** The most specific thing zod says is wrong, and where. */
export function deepestIssue(issue: z.core.$ZodIssue): { path: PropertyKey[]; message: string } {
  if (issue.code === 'unrecognized_keys')
    return { path: [...issue.path, issue.keys[0]!], message: 'There is no such field' };
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return issue;
  const inner = issue.errors.map((branch) => branch[0]!).sort((a, b) => b.path.length - a.path.length)[0]!;
  const found = deepestIssue(inner);
  return found.path.length === 0 ? issue : { path: [...issue.path, ...found.path], message: found.message };
}

/** `fieldPath('input', ['policy', 'candidates', 0])` is `input.policy.candidates[0]`. */
export function fieldPath(root: string, path: PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : `${text}${text && '.'}${String(key)}`),
    root,
  );
}
