import { CadenzaError } from '../../client/errors.ts';
import { type CallError, type ErrorType, fieldPath } from '../../contract/index.ts';
import { type Problem, ProblemError, problem, problemOf } from '../problem.ts';

/** What a run ended with, as the status that clients of a model's provider know what to do with. The provider's key is not
 *  the caller's: what is wrong with it is a bad gateway. */
const STATUS: Record<ErrorType, number> = {
  RateLimited: 429,
  QuotaExhausted: 429,
  Overloaded: 503,
  Unavailable: 502,
  ConnectionLost: 502,
  Timeout: 504,
  AuthenticationFailed: 502,
  ModelNotFound: 404,
  ContextTooLong: 400,
  ContentFiltered: 400,
  Refused: 400,
  InvalidOutput: 502,
  InvalidRequest: 400,
  BudgetExceeded: 402,
  ToolDenied: 403,
  ToolFailed: 502,
  Cancelled: 409,
};

/** Their codes as in OpenAI's error reference, where it has one. */
const OPENAI_CODES: Partial<Record<string, string>> = {
  RateLimited: 'rate_limit_exceeded',
  QuotaExhausted: 'insufficient_quota',
  Overloaded: 'overloaded',
  Unavailable: 'provider_unavailable',
  ConnectionLost: 'provider_unavailable',
  Timeout: 'timeout',
  AuthenticationFailed: 'provider_authentication_failed',
  ModelNotFound: 'model_not_found',
  ContextTooLong: 'context_length_exceeded',
  ContentFiltered: 'content_filter',
  Refused: 'content_policy_violation',
  InvalidOutput: 'invalid_output',
  BudgetExceeded: 'budget_exceeded',
  Cancelled: 'cancelled',
};

/** Asking again would end in the same way, or pay for the same once more: libraries that repeat by themselves are told so. */
const FINAL = new Set(['QuotaExhausted', 'AuthenticationFailed', 'InvalidOutput', 'Conflict', 'Cancelled']);

/** Where a field of our input stands in the caller's request: `{ 'settings.topP': 'top_p', policy: 'model' }`. */
export type ParamNames = Record<string, string>;

/** What is wrong with a call, in the words of the caller's request. */
export function problemOfCall(error: CallError, params: ParamNames): Problem {
  const type = isAboutModel(error) ? 'ModelNotFound' : error.type;
  const { hint, step, provider, model, retryAfterMs } = error;
  const path = paramOf(error.path, params);
  const own = inWordsOf(error, path);
  return {
    ...problem(STATUS[type], type, 'The call was not answered', own, { hint, path, step, provider, model }),
    ...(retryAfterMs === undefined ? {} : { retryAfterSeconds: Math.ceil(retryAfterMs / 1_000) }),
  };
}

/** Messages may begin or end with where the field stands in our input. */
function inWordsOf({ message, path }: CallError, param: string | undefined): string {
  if (path === undefined || param === undefined) return message;
  const place = message.lastIndexOf(` In ${path.split('[')[0]}`);
  return place === -1 ? message.replace(`${path}: `, `${param}: `) : message.slice(0, place);
}

/** Names of models and policies that are not there are found before anything is started. */
function isAboutModel({ type, path }: CallError): boolean {
  return type === 'InvalidRequest' && /^input\.(policy|route|model)\b/.test(path ?? '');
}

function paramOf(path: string | undefined, params: ParamNames): string | undefined {
  if (path === undefined) return undefined;
  const inside = path.replace(/^input\./, '');
  const [field, name] =
    Object.entries(params)
      .filter(([known]) => inside === known || inside.startsWith(`${known}.`) || inside.startsWith(`${known}[`))
      .sort(([a], [b]) => b.length - a.length)[0] ?? [];
  if (name === undefined) return inside;
  return name === field ? inside : name;
}

/** What starting a call threw, in the same words. Anything else is thrown on. */
export function refusalOfStart(thrown: unknown, params: ParamNames): unknown {
  if (!(thrown instanceof CadenzaError)) return thrown;
  if (thrown.code === 'Forbidden') return new ProblemError(forbiddenModel(thrown));
  return thrown.code === 'InvalidRequest' ? new ProblemError(problemOfCall(thrown.error, params)) : thrown;
}

/** Whichever field of ours holds what a key may not ask: the request names it by its model. */
function forbiddenModel(refused: CadenzaError): Problem {
  const { detail, path, ...rest } = problemOf(refused);
  return { ...rest, detail: detail.replace(`which ${path} names`, 'which model names'), path: path && 'model' };
}

/** A field of the request cannot be had. */
export function unsupported(param: PropertyKey[] | string, detail: string, hint?: string): ProblemError {
  const path = typeof param === 'string' ? param : fieldPath('', param);
  return new ProblemError(
    problem(400, 'InvalidRequest', 'The request is not usable', `${path}: ${detail}`, { path, hint }),
  );
}

/** Types as in OpenAI's error reference (platform.openai.com/docs/guides/error-codes). */
const OPENAI_TYPES: Record<number, string> = {
  401: 'authentication_error',
  402: 'insufficient_quota',
  403: 'permission_error',
  429: 'rate_limit_error',
};

export function openAiError({ status, detail, hint, path, errorType }: Problem) {
  const type = OPENAI_TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'server_error');
  const code = status === 404 && path === 'model' ? 'model_not_found' : (OPENAI_CODES[errorType] ?? errorType);
  return { error: { message: sentence(detail, hint), type, param: path ?? null, code } };
}

/** Types as in docs.claude.com/en/api/errors. */
const ANTHROPIC_TYPES: Record<number, string> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

export function anthropicError(found: Problem) {
  const status = anthropicStatus(found);
  const type = ANTHROPIC_TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error');
  return { type: 'error', error: { type, message: sentence(found.detail, found.hint) } };
}

export function anthropicStatus({ status, errorType }: Problem): number {
  return errorType === 'Overloaded' ? 529 : status;
}

/** Whether clients' libraries may ask again by themselves. */
export function mayRetry({ errorType }: Problem): boolean {
  return !FINAL.has(errorType);
}

function sentence(detail: string, hint: string | undefined): string {
  if (hint === undefined) return detail;
  return `${detail}${/[.!?]$/.test(detail) ? '' : '.'} ${hint}`;
}
