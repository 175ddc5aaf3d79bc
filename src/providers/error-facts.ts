import { type Loose, StreamFailure } from './wire.ts';

/** What an error says of itself, whichever SDK threw it. */
export interface ErrorFacts {
  status?: number;
  /** the provider's codes, types and reasons, in lower case */
  codes: string[];
  message: string;
  headers?: Headers;
  requestId?: string;
  /** the innermost error object, for what is told in fields of its own */
  body: Loose;
  /** the names and codes of the error and its causes: `AbortError`, `ECONNRESET` */
  causes: string[];
  midStream?: boolean;
}

interface SdkError {
  status?: number;
  headers?: Headers;
  requestID?: string | null;
  error?: unknown;
}

/** Reads openai's, Anthropic's and Google's errors, and those of the connection below them. */
export function errorFacts(thrown: unknown): ErrorFacts {
  const failures = failuresOf(thrown);
  const error = failures.at(-1)?.cause ?? thrown;
  const sdk = (typeof error === 'object' && error !== null ? error : {}) as SdkError & Error;
  const body = bodyOf(sdk);
  // OpenRouter keeps what the provider behind it said as a text.
  const behind = typeof body.metadata?.raw === 'string' ? bodyOf({ error: parsed(body.metadata.raw) } as never) : {};
  const headers = sdk.headers ?? failures.find((failure) => failure.headers)?.headers;
  return {
    status: statusOf(sdk.status) ?? statusOf(body.code) ?? statusOf(body.status),
    codes: [...codesOf(body), ...codesOf(behind)],
    message: [withoutTags(body.message ?? causeMessage(sdk) ?? String(error)), behind.message]
      .filter(Boolean)
      .join(': '),
    headers,
    requestId: sdk.requestID ?? headers?.get('x-request-id') ?? headers?.get('request-id') ?? undefined,
    body,
    causes: causesOf(error),
    midStream: failures.some((failure) => failure.midStream) || undefined,
  };
}

function failuresOf(thrown: unknown): StreamFailure[] {
  const failures: StreamFailure[] = [];
  for (let error = thrown; error instanceof StreamFailure; error = error.cause) failures.push(error);
  return failures;
}

interface Body {
  message?: string;
  code?: unknown;
  type?: unknown;
  /** Amazon's */
  __type?: unknown;
  status?: unknown;
  details?: { '@type'?: string; reason?: string; retryDelay?: string; violations?: { quotaId?: string }[] }[];
  metadata?: { reasons?: unknown; raw?: unknown };
}

/** The innermost error object: the SDKs keep `{error: {...}}`, its inside, or (Google) all of it as the message's text. */
function bodyOf(sdk: SdkError & Error): Body {
  let body: unknown = sdk.error ?? parsed(sdk.message?.replace(/^got status: [^{]*/, ''));
  for (let depth = 0; depth < 3; depth++) {
    const inner = isObject(body) ? body.error : undefined;
    if (isObject(inner)) body = inner;
    else if (typeof inner === 'string') return { message: inner };
  }
  if (Array.isArray(body)) return bodyOf({ error: body[0] } as SdkError & Error);
  if (!isObject(body)) return {};
  const text = typeof body.message === 'string' ? parsed(body.message) : undefined;
  return isObject(text) ? bodyOf({ error: text } as SdkError & Error) : (body as Body);
}

/** Proxies answer with a page. */
function withoutTags(text: string): string {
  return /<\w+[^>]*>/.test(text) ? text.replace(/<(style|script)[\s\S]*?<\/\1>|<[^>]*>/g, ' ') : text;
}

function codesOf(body: Body): string[] {
  const details = Array.isArray(body.details) ? body.details : [];
  const reasons = details.flatMap((detail) => [detail?.reason, ...(detail?.violations ?? []).map((v) => v?.quotaId)]);
  const moderation = body.metadata?.reasons === undefined ? [] : ['moderation'];
  return [body.code, body.type, body.__type, body.status, ...reasons, ...moderation]
    .filter((code) => typeof code === 'string')
    .map((code) => code.toLowerCase());
}

/** The innermost cause says what happened; `fetch failed` and `Connection error.` around it do not. */
function causeMessage(error: unknown): string | undefined {
  const [inner] = causeChain(error).slice(-1);
  return inner && (inner.message || inner.name);
}

function causesOf(thrown: unknown): string[] {
  return causeChain(thrown).flatMap((error) => [
    error.name,
    error.constructor?.name ?? '',
    ...(typeof error.code === 'string' ? [error.code] : []),
  ]);
}

/** An error and what caused it, outermost first; of several causes at once (one for each address tried), the first. */
function causeChain(thrown: unknown): NodeJS.ErrnoException[] {
  const chain: NodeJS.ErrnoException[] = [];
  for (let error = thrown; isErrorLike(error) && chain.length < 10; error = firstOf(error) ?? error.cause)
    chain.push(error);
  return chain;
}

function firstOf(error: object): unknown {
  return 'errors' in error && Array.isArray(error.errors) ? error.errors[0] : undefined;
}

/** By its shape: an error may come from another realm, where `instanceof Error` is false. */
function isErrorLike(value: unknown): value is NodeJS.ErrnoException & { cause?: unknown } {
  return isObject(value) && typeof value.message === 'string' && typeof value.name === 'string';
}

function statusOf(value: unknown): number | undefined {
  const status = typeof value === 'string' && /^[45]\d\d$/.test(value) ? Number(value) : value;
  return typeof status === 'number' && Number.isInteger(status) && status >= 400 && status < 600 ? status : undefined;
}

function parsed(text: string | undefined): unknown {
  if (!text?.trimStart().startsWith('{') && !text?.trimStart().startsWith('[')) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
