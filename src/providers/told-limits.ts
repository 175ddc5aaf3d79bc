import { type Counted, MINUTE_MS, type ScopeLimits } from '../contract/index.ts';
import { waitOf } from './retry-after.ts';

/** Limits of a minute that a provider told with an answer, and what it has counted of them. */
export interface ToldByHeaders {
  limits: ScopeLimits;
  used: Partial<Record<Counted, number>>;
  /** ms until it has forgotten what it counted */
  resetMs: number;
  /** half of one of them, or more, is used */
  isPressing: boolean;
}

interface Told {
  limit: number;
  remaining: number;
  resetMs?: number;
}

/** Names in the headers, by their place: OpenAI, Azure, Groq and most others say `x-ratelimit-limit-requests`, Anthropic
 *  `anthropic-ratelimit-requests-limit`. */
const NAMES: [Counted, string][] = [
  ['requests', 'requests'],
  ['tokens', 'tokens'],
  ['inputTokens', 'input-tokens'],
  ['outputTokens', 'output-tokens'],
];

/** A limit that refills over more than this is one of hours or days: Groq's of requests is. */
const LONGEST_WINDOW_MS = 2 * MINUTE_MS;

/** @returns undefined where they tell of no limit a minute */
export function toldLimits(headers: Headers, now = Date.now()): ToldByHeaders | undefined {
  const found = NAMES.flatMap(([counted, name]) => {
    const told =
      readTold(headers, (field) => `x-ratelimit-${field}-${name}`, now) ??
      readTold(headers, (field) => `anthropic-ratelimit-${name}-${field}`, now);
    return told && isOfMinutes(told) ? [[counted, told] as const] : [];
  });
  // Anthropic tells of tokens in all whichever of its limits is nearest.
  const isSplit = found.some(([counted]) => counted === 'inputTokens' || counted === 'outputTokens');
  const told = isSplit ? found.filter(([counted]) => counted !== 'tokens') : found;
  if (told.length === 0) return undefined;
  const by = <Value>(value: (one: Told) => Value) =>
    Object.fromEntries(told.map(([counted, one]) => [counted, value(one)])) as Partial<Record<Counted, Value>>;
  const resets = told.flatMap(([, { resetMs }]) => resetMs ?? []);
  return {
    limits: { ...by(({ limit }) => limit), windowMs: MINUTE_MS },
    used: by(({ limit, remaining }) => limit - remaining),
    resetMs: Math.min(MINUTE_MS, Math.max(1_000, ...(resets.length === 0 ? [MINUTE_MS] : resets))),
    isPressing: told.some(([, { limit, remaining }]) => remaining <= limit / 2),
  };
}

function readTold(headers: Headers, nameOf: (field: string) => string, now: number): Told | undefined {
  const limit = count(headers.get(nameOf('limit')));
  const remaining = count(headers.get(nameOf('remaining')));
  if (!limit || remaining === undefined || remaining > limit) return undefined;
  return { limit, remaining, resetMs: waitOf(headers.get(nameOf('reset')), now) };
}

function isOfMinutes({ limit, remaining, resetMs }: Told): boolean {
  const used = limit - remaining;
  return used === 0 || resetMs === undefined || (resetMs * limit) / used <= LONGEST_WINDOW_MS;
}

function count(text: string | null): number | undefined {
  const number = text === null || text.trim() === '' ? Number.NaN : Number(text);
  return Number.isInteger(number) && number >= 0 ? number : undefined;
}
