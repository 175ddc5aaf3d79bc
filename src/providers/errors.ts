import { type CallError, type ErrorType, isOutage, oneLine, type TimeoutPhase } from '../contract/index.ts';
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
    retryAfterMs: retryAfterMs(
      facts,
      type === 'RateLimited' ? 'limit' : isOutage(type) || type === 'QuotaExhausted' ? 'load' : 'else',
    ),
    phase,
    midStream: facts.midStream,
    ...(type === 'ContextTooLong' && exceedsMinute(facts) ? { permanent: true } : {}),
    ...(type === 'InvalidRequest' && refusesSchema(facts) ? { schemaRefused: true } : {}),
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
  /content_filter|content_policy|content_management|moderation|^safety$|bio_policy|misalignment_policy|prohibited_content|responsible_?ai|data_?inspection_?failed|content_blocked|sensitive/;
const CONTENT_TEXT = /content exists risk|敏感内容|不安全/i;
const QUOTA =
  /insufficient_(user_)?quota|billing|credit|spend_limit|payment_required|quota_exceeded|perday|insufficient_balance|arrearage|exceeded_current_quota|access_terminated/;
const QUOTA_TEXT =
  /\blimit: 0\b|credit balance is too low|exceeded your current quota|insufficient (account )?(credits|balance|funds|quota)|spend(ing)? limit|(requires|out of|run out of|no) (more )?credits|(any|all available) credits|account is in good standing|overdue[- ]payment|余额不足|欠费/i;
const CONTEXT =
  /context_length|context_window|context_size|request_too_large|string_above_max_length|max_prompt_tokens|prompt_too_long|input_too_long|tokens_limit_exceeded|request_entity_too_large/;
/** A prompt that does not fit, in the words of OpenAI, Azure, Anthropic, Bedrock, Google, Mistral, Cohere, DeepSeek,
 *  Moonshot, DashScope, MiniMax, xAI, Groq, Together, Fireworks, OpenRouter, Copilot, vLLM, SGLang, TGI, llama.cpp,
 *  Ollama and LM Studio. */
const CONTEXT_TEXT = new RegExp(
  [
    /context[ _-]?(length|window|size|limit)/,
    /(maximum|max|model'?s?) (context|prompt|input|sequence|total)[ _]?(length|tokens?|size)?/,
    /(prompt|input|request|message|text|conversation|query)s?( payload)?( is| are|'s)? too (long|large|big)(?! for .* tokens per)/,
    /(input|prompt|total) (token count|tokens?|length)[^.]{0,80}(exceed|larger|longer|greater|over|should be)/,
    /too many (input |total |prompt )?tokens/,
    /tokens in (the )?(prompt|input)[^.]{0,40}exceed|inputs?`? must have (less|fewer) than [\d,]+ tokens/,
    /(exceed|over|beyond|above)(s|ed|ing)?[^.]{0,60}(token limit|max(imum)?[^.]{0,30}tokens|limit of [\d,]+( input| total)? tokens|number of (input )?tokens)/,
    /token (count|limit)[^.]{0,60}exceed|exceed[^.]{0,40}(model )?token limit/,
    /range of input length should be/,
    /total number of tokens[^.]{0,60}(exceed|limit)/,
    /`?inputs?`? (tokens )?\+ `?max_new_tokens`? must be/,
    /(longer|larger|greater|more) than (the )?max(imum)?[ _]?(allowed |model |context |input |sequence )*(length|len|tokens)/,
    /(输入|上下文|prompt|tokens?).{0,20}(超长|过长|超过|超出)|(超过|超出).{0,20}(长度|上限)/,
    /(greater|larger|longer|more) (than|tokens than)[^.]{0,40}(context|n_ctx|the model)/,
    /reduce (the |your )?(length|size|prompt|input|number of (input )?(tokens|messages))|(shorten|trim) (your|the) (prompt|input|message)/,
    /truncat(e|ing)[^.]{0,30}(prompt|input)|request too large for model/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'i',
);
/** What local servers also say with a status of their own fault. */
const PAST_CONTEXT = /exceed[^.]{0,40}context|context[^.]{0,40}exceed/i;
/** About a number that is set too high, not about the text. */
const LIMIT_SETTING =
  /invalid '?max_(completion_|output_)?tokens|integer_above_max|max_tokens (is|must|should|cannot)[^.]{0,60}(less|at most|between|<=)/i;
const KEY =
  /invalid_api_key|api_key_invalid|invalid_?apikey|authentication_error|permission_error|permission_denied|unauthenticated|unauthorized|account_deactivated|invalid_authentication/;
const KEY_TEXT = /api key not valid|(incorrect|invalid|missing) api[ -]?key/i;
const MODEL = /model_?not_?found|model_not_available|model_not_exist|deployment_?not_?found/;
const MODEL_TEXT =
  /model\b.{0,80}(does ?n[o']t exist|not found|is not a valid|not supported for|is not available|decommissioned|no longer (supported|available|served)|retired)|not a valid model|no such model|unknown model|invalid model|model not exist/i;
const OVERLOADED = /overload|slow_down|no_capacity|capacity_exceeded|modelnotready|insufficient_system_resource/;
const OVERLOADED_TEXT = /overloaded|(at|over) capacity/i;
const RATE = /rate_?limit|resource_?exhausted|too_?many_?requests|throttl|limit_requests|limit_burst_rate/;
const RATE_TEXT = /rate[ -]?limit|too many requests|throttl/i;
const DOWN =
  /server_error|api_error|internal|^unavailable$|service_?unavailable|timeout|deadline_exceeded|bad_gateway|provider_unavailable/;

/**
 * One request alone needs more than the plan allows in a minute: no wait can help. OpenAI and Groq call it by the code of
 * a rate limit; the sentence, or a request above the limit, tells.
 */
function exceedsMinute({ message: text, codes }: ErrorFacts): boolean {
  const perMinute =
    /per[ -]?min(ute)?\b|\b[TR]PM\b|per[ -]?day\b|\bTPD\b/i.test(text) || codes.some((code) => RATE.test(code));
  if (!perMinute) return false;
  if (
    /(request|prompt|input|message)s?( is)? too large|must be reduced in order to run|reduce your message size/i.test(
      text,
    )
  )
    return true;
  const limit = amount(/\blimit:?\s*(?:of )?([\d,]+)/i.exec(text)?.[1]);
  const requested = amount(/\brequested:?\s*([\d,]+)/i.exec(text)?.[1]);
  return limit !== undefined && limit > 0 && requested !== undefined && requested > limit;
}

/** About a field that is no part of the text: a tool's name, say. */
function isElsewhere({ body }: ErrorFacts): boolean {
  return (
    typeof body?.param === 'string' &&
    /^(tools|tool_choice|functions|metadata|user|stop|response_format|text)\b|\.name$/.test(body.param)
  );
}

function amount(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text.replaceAll(',', ''));
}

/** The provider does not take this schema, or no schemas at all. */
function refusesSchema({ status, message: text, codes, body }: ErrorFacts): boolean {
  if (status !== undefined && status !== 400 && status !== 422 && status !== 501) return false;
  const said = `${text} ${codes.join(' ')} ${typeof body?.param === 'string' ? body.param : ''}`;
  return /response_format|json[_ -]?schema|input_schema|output_(config|format|schema)|response_?(json_?)?schema|structured[ _]outputs?|invalid schema|\bschema\b|text\.format|guided_json|grammar/i.test(
    said,
  );
}

/** What the provider calls it. A status is coarser: 400 and 429 each stand for several of our types. */
function byCode(facts: ErrorFacts): ErrorType | undefined {
  const { status } = facts;
  const coded = (pattern: RegExp) => facts.codes.some((code) => pattern.test(code));
  const said = (pattern: RegExp) => pattern.test(facts.message);
  const isTheirFault = status === undefined || status >= 500 || status === 429;
  if (coded(CONTENT) || (!isTheirFault && said(CONTENT_TEXT))) return 'ContentFiltered';
  if (exceedsMinute(facts)) return 'ContextTooLong';
  const isLimit = status === 429 || coded(RATE);
  if (
    (coded(CONTEXT) && !isElsewhere(facts)) ||
    (!isLimit &&
      ((status ?? 400) < 500 || (status === 500 && said(PAST_CONTEXT))) &&
      said(CONTEXT_TEXT) &&
      !said(LIMIT_SETTING))
  )
    return 'ContextTooLong';
  // Google says "exceeded your current quota" of each minute's limit too; there only the quota's own name tells.
  if (coded(QUOTA) || (said(QUOTA_TEXT) && (!coded(/resource_exhausted/) || said(/\blimit: 0\b/))))
    return 'QuotaExhausted';
  if (coded(KEY) || said(KEY_TEXT)) return 'AuthenticationFailed';
  if (coded(MODEL) || (!isTheirFault && said(MODEL_TEXT)) || (status === undefined && said(MODEL_TEXT)))
    return 'ModelNotFound';
  if (coded(OVERLOADED) || (status !== 429 && isTheirFault && said(OVERLOADED_TEXT))) return 'Overloaded';
  if (coded(RATE) || (status === undefined && said(RATE_TEXT))) return 'RateLimited';
  if (status === undefined && coded(DOWN)) return 'Unavailable';
  return undefined;
}

function byStatus({ status, codes }: ErrorFacts): ErrorType | undefined {
  if (status === undefined) return codes.length > 0 ? inStream(codes) : undefined;
  if (status === 429) return 'RateLimited';
  if (status === 529) return 'Overloaded';
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
  const short = oneLine(clean.toWellFormed().replaceAll('\0', ' '), LONGEST_MESSAGE);
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
