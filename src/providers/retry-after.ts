import type { Loose } from './wire.ts';

/** Longer waits than this are taken for a mistake in reading (a year), ms. */
const LONGEST_MS = 366 * 86_400_000;

/**
 * How long a provider asks us to wait, ms, wherever it says so: the headers made for it, the body's fields, its sentence,
 * or else the times at which its limits reset.
 * @param about only the sentences of a limit or a load are about a wait, and only a limit's reset times
 */
export function retryAfterMs(
  { headers, body, message }: { headers?: Headers; body?: Loose; message: string },
  about: 'limit' | 'load' | 'else',
  now = Date.now(),
): number | undefined {
  const found =
    ofHeaders(headers, now) ??
    ofBody(body, now) ??
    (about === 'else' ? undefined : ofSentence(message, now)) ??
    (about === 'limit' ? ofResets(headers, now) : undefined);
  return found === undefined || found > LONGEST_MS ? undefined : found;
}

/** `retry-after-ms`, or `retry-after` in seconds, as a date or as a duration. */
function ofHeaders(headers: Headers | undefined, now: number): number | undefined {
  const ms = plainNumber(headers?.get('retry-after-ms') ?? headers?.get('x-ms-retry-after-ms'));
  if (ms !== undefined) return Math.ceil(ms);
  return waitOf(headers?.get('retry-after') ?? headers?.get('x-retry-after'), now);
}

/** Google's `RetryInfo`, and the fields of gateways. */
function ofBody(body: Loose, now: number): number | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const details: Loose[] = [body.details ?? []].flat();
  for (const place of [body, body.metadata, ...details, ...details.map((detail) => detail?.metadata)]) {
    if (typeof place !== 'object' || place === null) continue;
    const ms = plainNumber(place.retry_after_ms ?? place.retryAfterMs);
    if (ms !== undefined) return Math.ceil(ms);
    const delay = place.retryDelay ?? place.retry_delay;
    const told = delay?.seconds === undefined ? delay : Number(delay.seconds) + Number(delay.nanos ?? 0) / 1e9;
    const named = told ?? place.retry_after_seconds ?? place.retry_after ?? place.retryAfter ?? place.estimated_time;
    const reset = place.resets_in_seconds ?? place.quotaResetDelay ?? place.resets_at ?? place.reset_at;
    const wait = waitOf(named ?? reset, now);
    if (wait !== undefined) return wait;
    const headers = place.headers ? ofHeaders(headersOf(place.headers), now) : undefined;
    if (headers !== undefined) return headers;
    const resets = place.headers ? ofResets(headersOf(place.headers), now) : undefined;
    if (resets !== undefined) return resets;
  }
  return undefined;
}

const UNIT = `(?:ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)`;
const DURATION = String.raw`(?:\d+(?:\.\d+)?\s*${UNIT}(?![a-z])[\s,]*(?:and\s+)?)+`;
const SENTENCES = [
  new RegExp(
    String.raw`(?:try again|retry|retrying|wait(?:ing)?|resets?|available(?: again)?|back)\b[^.!?\d/]{0,40}?(${DURATION})`,
    'i',
  ),
  new RegExp(`(?:in|after|for) (${DURATION})[^.!?]{0,30}(?:try again|retry)`, 'i'),
  new RegExp(`(${DURATION})(?:之|以)?后`, 'i'),
];
const DATED =
  /(?:try again|retry|resets?|available(?: again)?|until)\b[^.!?\d]{0,40}?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?\s*(?:Z|UTC|GMT|[+-]\d\d:?\d\d)?)/i;
/** Numbers and units that are written as words. */
const WORDS: [RegExp, string][] = [
  [/\b(?:an?|one) (?=(?:second|minute|hour|day)\b)/gi, '1 '],
  [/(\d) more /gi, '$1 '],
  [/(?<=\d)\s*秒钟?/g, ' s '],
  [/(?<=\d)\s*分钟?/g, ' min '],
  [/(?<=\d)\s*个?小时/g, ' h '],
];
const BARE = /(?:try again|retry)[\s_-]+(?:in|after):?\s+(\d+(?:\.\d+)?)(?![\w.]*\w)/i;

/** "Please try again in 1m20s", "retry after 20 seconds", "resets at 2026-11-25T10:00:00Z". */
function ofSentence(said: string, now: number): number | undefined {
  const text = WORDS.reduce((plain, [word, sign]) => plain.replace(word, sign), said);
  const dated = DATED.exec(text)?.[1];
  if (dated) return untilDate(/[Z+]|UTC|GMT|-\d\d:?\d\d$/.test(dated) ? dated : `${dated.replace(' ', 'T')}Z`, now);
  for (const sentence of SENTENCES) {
    const ms = durationOf(sentence.exec(text)?.[1]);
    if (ms !== undefined) return ms;
  }
  const seconds = plainNumber(BARE.exec(text)?.[1]);
  return seconds === undefined ? undefined : Math.ceil(seconds * 1_000);
}

/**
 * The resets of used-up limits (`x-ratelimit-reset-requests: 1m20s`, `anthropic-ratelimit-tokens-reset: <date>`), the
 * longest of them; where what remains is not told, of all limits.
 */
function ofResets(headers: Headers | undefined, now: number): number | undefined {
  const resets: { wait: number; remaining: number | undefined }[] = [];
  for (const [name, value] of headers ?? []) {
    // The drafts of the IETF put all into one.
    const all = name === 'ratelimit' ? value : undefined;
    if (!all && (!/ratelimit/.test(name) || !/reset/.test(name))) continue;
    const wait = waitOf(all ? /\b(?:reset|t)=(\d+)/.exec(all)?.[1] : value, now);
    if (wait === undefined) continue;
    const left = all
      ? /\b(?:remaining|r)=(\d+)/.exec(all)?.[1]
      : headers!.get(name.replace(/reset(-after)?/, 'remaining'));
    resets.push({ wait, remaining: plainNumber(left) });
  }
  const usedUp = resets.filter(({ remaining }) => remaining === 0);
  const untold = resets.filter(({ remaining }) => remaining === undefined);
  const waits = (usedUp.length > 0 ? usedUp : untold.length > 0 ? untold : resets).map(({ wait }) => wait);
  if (waits.length === 0) return undefined;
  // With something left of every limit, the one that was too small is not known.
  return usedUp.length > 0 || untold.length > 0 ? Math.max(...waits) : Math.min(...waits);
}

/** Seconds, a moment (epoch seconds or ms), a duration such as `1m20s`, or a date, as ms from now. */
export function waitOf(value: unknown, now = Date.now()): number | undefined {
  if (value === undefined || value === null) return undefined;
  const text = String(value).trim();
  const number = plainNumber(text);
  if (number !== undefined) {
    if (number > 1e11) return Math.max(0, Math.ceil(number - now));
    if (number > 1e9) return Math.max(0, Math.ceil(number * 1_000 - now));
    return Math.ceil(number * 1_000);
  }
  if (/^-/.test(text)) return undefined;
  return durationOf(new RegExp(`^${DURATION}$`, 'i').exec(text)?.[0]) ?? untilDate(text, now);
}

function untilDate(text: string, now: number): number | undefined {
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

const UNIT_MS: [RegExp, number][] = [
  [/^(ms|milli)/i, 1],
  [/^s/i, 1_000],
  [/^m/i, 60_000],
  [/^h/i, 3_600_000],
  [/^d/i, 86_400_000],
];

/** `1m20s`, `6ms`, `36.429760048s`, `1 minute and 20 seconds`, rounded up to ms. */
function durationOf(text: string | undefined): number | undefined {
  if (!text) return undefined;
  let ms = 0;
  for (const [, count, unit] of text.matchAll(new RegExp(String.raw`(\d+(?:\.\d+)?)\s*(${UNIT})(?![a-z])`, 'gi')))
    ms += Number(count) * UNIT_MS.find(([name]) => name.test(unit!))![1];
  return Math.ceil(Number(ms.toFixed(3)));
}

function plainNumber(value: unknown): number | undefined {
  if (value === null || value === undefined || String(value).trim() === '') return undefined;
  const number = Number(value);
  return Number.isFinite(number) && number >= 0 ? number : undefined;
}

function headersOf(value: Loose): Headers | undefined {
  try {
    return new Headers(Object.entries(value).map(([name, text]) => [name, String(text)] as [string, string]));
  } catch {
    return undefined;
  }
}
