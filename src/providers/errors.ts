import type { CallError, ErrorType, TimeoutPhase } from '../contract/index.ts';
import { type ErrorFacts, errorFacts } from './error-facts.ts';
import { retryAfterMs } from './retry-after.ts';
import { redact } from './secrets.ts';
import { type ErrorContext, ProviderError } from './wire.ts';

/** Messages longer than this are cut: providers like to repeat the request. */
const LONGEST_MESSAGE = 300;
/** Anything that looks like a key, also one that is not ours (`Incorrect API key provided: sk-ab***`). */
const LOOKS_SECRET = /\b(sk|pk|rk|gsk|xai|key)[-_][\w*.-]{6,}|\bAIza[\w*-]{8,}|\bBearer\s+[\w.*~+/-]{6,}=*/g;

/** Any error of an SDK, a connection or a signal as an error of the contract: by status, code and cause, without secrets. */
export function asCallError(thrown: unknown, context: ErrorContext): CallError {
  const where = { provider: context.provider, model: context.model };
  if (thrown instanceof ProviderError) return { ...where, ...thrown.error };
  const facts = errorFacts(thrown);
  const { type, phase } = typeOf(facts);
  return {
    type,
    message: message(type, facts, context),
    hint: hintFor(type, facts, context),
    ...where,
    status: facts.status,
    requestId: facts.requestId,
    retryAfterMs: retryAfterMs(facts.headers) ?? facts.retryDelayMs,
    phase,
    midStream: facts.midStream,
  };
}

interface Sort {
  type: ErrorType;
  phase?: TimeoutPhase;
}

function typeOf(facts: ErrorFacts): Sort {
  return ended(facts) ?? { type: byCode(facts) ?? byStatus(facts) ?? byCause(facts) };
}

/** Errors that ended the call from our side, or by a clock of the connection. */
function ended({ causes }: ErrorFacts): Sort | undefined {
  const is = (...names: string[]) => names.some((name) => causes.includes(name));
  if (is('UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT', 'APIConnectionTimeoutError'))
    return { type: 'Timeout', phase: 'connect' };
  if (is('UND_ERR_HEADERS_TIMEOUT')) return { type: 'Timeout', phase: 'firstToken' };
  if (is('UND_ERR_BODY_TIMEOUT')) return { type: 'Timeout', phase: 'betweenTokens' };
  if (is('TimeoutError')) return { type: 'Timeout', phase: 'total' };
  if (is('AbortError', 'APIUserAbortError', 'CancelledFailure')) return { type: 'Cancelled' };
  return undefined;
}

const CONTENT =
  /content_filter|content_policy|content_management|moderation|^safety$|bio_policy|misalignment_policy|prohibited_content|responsible_?ai/;
const QUOTA = /insufficient_quota|billing|credit|spend_limit|payment_required|quota_exceeded|perday/;
const QUOTA_TEXT =
  /credit balance is too low|exceeded your current quota|insufficient (credits|balance|funds)|spend(ing)? limit/i;
const CONTEXT = /context_length_exceeded|context_window|request_too_large|string_above_max_length/;
const CONTEXT_TEXT =
  /context (length|window|size)|maximum context|prompt is too long|input is too long|input token count|too many (input )?tokens|exceeds? the (maximum|max|model'?s?)[^.]*tokens|reduce the length/i;
const KEY =
  /invalid_api_key|api_key_invalid|authentication_error|permission_error|permission_denied|unauthenticated|account_deactivated/;
const KEY_TEXT = /api key not valid|(incorrect|invalid) api key/i;
const MODEL = /model_not_found|model_not_available|deployment_?not_?found/;
const MODEL_TEXT =
  /model .{0,80}(does not exist|not found|is not a valid|not supported for)|no such model|unknown model|invalid model/i;
const OVERLOADED = /overloaded|slow_down|engine_overload/;
const RATE = /rate_limit|resource_exhausted|too_many_requests|throttl/;
const DOWN = /server_error|api_error|internal|^unavailable$|service_unavailable|timeout|deadline_exceeded|bad_gateway/;

/** What the provider calls it. A status is coarser: 400 and 429 each stand for several of our types. */
function byCode(facts: ErrorFacts): ErrorType | undefined {
  const { status } = facts;
  const coded = (pattern: RegExp) => facts.codes.some((code) => pattern.test(code));
  const said = (pattern: RegExp) => pattern.test(facts.message);
  const isTheirFault = status === undefined || status >= 500 || status === 429;
  if (coded(CONTENT)) return 'ContentFiltered';
  if (coded(CONTEXT) || (!isTheirFault && said(CONTEXT_TEXT))) return 'ContextTooLong';
  // Google says "exceeded your current quota" of each minute's limit too; there only the quota's own name tells.
  if (coded(QUOTA) || (said(QUOTA_TEXT) && !coded(/resource_exhausted/))) return 'QuotaExhausted';
  if (coded(KEY) || said(KEY_TEXT)) return 'AuthenticationFailed';
  if (coded(MODEL) || (status !== undefined && !isTheirFault && said(MODEL_TEXT))) return 'ModelNotFound';
  if (coded(OVERLOADED)) return 'Overloaded';
  if (coded(RATE)) return 'RateLimited';
  if (status === undefined && coded(DOWN)) return 'Unavailable';
  return undefined;
}

function byStatus({ status, codes, message: text }: ErrorFacts): ErrorType | undefined {
  if (status === undefined) return codes.length > 0 ? inStream(codes) : undefined;
  if (status === 429) return 'RateLimited';
  if (status === 529 || (status === 503 && /overloaded/i.test(text))) return 'Overloaded';
  if (status >= 500 || status === 408 || status === 409 || status === 425) return 'Unavailable';
  if (status === 402) return 'QuotaExhausted';
  if (status === 401 || status === 403) return 'AuthenticationFailed';
  if (status === 404) return 'ModelNotFound';
  if (status === 413) return 'ContextTooLong';
  return 'InvalidRequest';
}

/** An error inside a stream has no status, only its code. */
function inStream(codes: string[]): ErrorType {
  return codes.some((code) => /invalid|not_found|unsupported|failed_to_download|image/.test(code))
    ? 'InvalidRequest'
    : 'Unavailable';
}

const SOCKET =
  /^(ECONN|EPIPE|EHOST|ENET|ENOTFOUND|EAI_|EADDR|UND_ERR|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL|HPE_|ERR_STREAM_PREMATURE)/;
const SOCKET_TEXT =
  /^terminated$|fetch failed|socket hang up|other side closed|premature close|network error|connection error|incomplete json segment/i;

function byCause({ causes, message: text }: ErrorFacts): ErrorType {
  const cut = causes.some(
    (cause) => SOCKET.test(cause) || ['StreamCut', 'APIConnectionError', 'SyntaxError'].includes(cause),
  );
  if (cut || SOCKET_TEXT.test(text)) return 'ConnectionLost';
  // In-stream errors that have no code at all.
  return causes.includes('APIError') ? 'Unavailable' : 'InvalidRequest';
}

function message(
  type: ErrorType,
  { status, message: text }: ErrorFacts,
  { provider, model, secrets }: ErrorContext,
): string {
  const whom = !model ? provider : model.startsWith(`${provider}/`) ? model : `${provider}/${model}`;
  const clean = redact(
    text,
    (secrets ?? []).filter((secret) => secret.length >= 4),
  ).replace(LOOKS_SECRET, '[redacted]');
  const line = clean.replace(/\s+/g, ' ').trim();
  const short = line.length > LONGEST_MESSAGE ? `${line.slice(0, LONGEST_MESSAGE - 1)}…` : line;
  return `${whom} ${WHAT_HAPPENED[type] ?? 'failed'}${status ? ` (${status})` : ''}: ${short}`;
}

const WHAT_HAPPENED: Partial<Record<ErrorType, string>> = {
  RateLimited: 'asks for fewer requests',
  Overloaded: 'is overloaded',
  Unavailable: 'is not available',
  ConnectionLost: 'cannot be reached, or broke off',
  Timeout: 'did not answer in time',
  QuotaExhausted: 'has no credit left',
  AuthenticationFailed: 'did not accept the key',
  ModelNotFound: 'does not know the model',
  ContextTooLong: 'cannot take so much text',
  ContentFiltered: 'filtered the content',
  InvalidRequest: 'did not accept the request',
  Cancelled: 'was cancelled',
};

function hintFor(
  type: ErrorType,
  facts: ErrorFacts,
  { provider, keyVariable, baseUrl }: ErrorContext,
): string | undefined {
  switch (type) {
    case 'AuthenticationFailed':
      return keyVariable && `Set ${keyVariable} to a key that ${provider} accepts for this model.`;
    case 'QuotaExhausted':
      return `Add credit to the account at ${provider}, or name another model in policy.candidates.`;
    case 'ModelNotFound':
      return `Choose a model that ${provider} offers to this key; \`cadenza doctor\` lists them.`;
    case 'ContextTooLong':
      return 'Shorten the conversation, or choose a model with a larger context window.';
    case 'RateLimited':
      return `Send less at once, raise the limit at ${provider}, or name another model in policy.candidates.`;
    case 'ContentFiltered':
      return 'Change the prompt, or add ContentFiltered to policy.fallbackOn so that the next candidate is asked.';
    case 'ConnectionLost':
      return baseUrl && !facts.midStream ? `Check that ${originOf(baseUrl)} is up and reachable from here.` : undefined;
    default:
      return undefined;
  }
}

/** Without a user name or password that an address may carry. */
function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : 'its address';
}
