import type { SpendLine } from '../../contract/index.ts';

/** By what days are told apart. */
export type Part = 'model' | 'tenant' | 'key' | 'pattern';

/** What one part (a model, a tenant) cost on each day. */
export interface Series {
  name: string;
  totalUsd: number;
  /** by day, in the order of the days */
  usd: number[];
  /** 1 to 6; 0: all others together */
  voice: number;
}

const VOICES = 6;

/** Lines of `day,<what>` as stacks of the days: the parts that cost most, and all others as one. */
export function stacked(lines: readonly SpendLine[], by: Part, days: readonly string[]): Series[] {
  const at = new Map(days.map((day, n) => [day, n]));
  const parts = new Map<string, number[]>();
  for (const line of lines) {
    const n = at.get(line.day ?? '');
    if (n === undefined) continue;
    const name = line[by] ?? `no ${by}`;
    const usd = parts.get(name) ?? days.map(() => 0);
    usd[n] = usd[n]! + line.costUsd;
    parts.set(name, usd);
  }
  const sorted = [...parts]
    .map(([name, usd]) => ({ name, usd, totalUsd: sum(usd) }))
    .sort((a, b) => b.totalUsd - a.totalUsd || a.name.localeCompare(b.name));
  const most = sorted.length <= VOICES ? VOICES : VOICES - 1;
  const shown = sorted.slice(0, most).map((series, n) => ({ ...series, voice: n + 1 }));
  const rest = sorted.slice(most);
  if (rest.length === 0) return shown;
  const usd = days.map((_, n) => sum(rest.map((series) => series.usd[n]!)));
  return [...shown, { name: `${rest.length} others`, usd, totalUsd: sum(usd), voice: 0 }];
}

/** The same lines without their days: each part's sums, what cost most first. */
export function byPart(lines: readonly SpendLine[], by: Part): SpendLine[] {
  const parts = new Map<string | undefined, SpendLine>();
  for (const { day: _, ...line } of lines) {
    const sums = parts.get(line[by]);
    if (sums) for (const name of SUMS) sums[name] += line[name];
    else parts.set(line[by], { ...line });
  }
  return [...parts.values()].sort((a, b) => b.costUsd - a.costUsd || b.calls - a.calls);
}

const SUMS = [
  ...(['costUsd', 'calls', 'inputTokens', 'cachedInputTokens', 'cacheWriteTokens', 'outputTokens'] as const),
  ...([
    'reasoningTokens',
    'cachedAnswers',
    'savedByCacheUsd',
    'savedByProviderUsd',
    'savedByBatchUsd',
    'savedUnknown',
  ] as const),
  ...(['unpriced', 'estimated', 'estimatedUsd'] as const),
];

/** A round number of USD at or above the largest stack, and lines below it. */
export function yTicks(mostUsd: number): number[] {
  if (mostUsd <= 0) return [0, 1];
  const size = 10 ** Math.floor(Math.log10(mostUsd));
  const step = [0.2, 0.25, 0.5, 1, 2, 2.5, 5].map((part) => part * size).find((one) => mostUsd / one <= 4) ?? size * 5;
  const count = Math.ceil(mostUsd / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, n) => Number((n * step).toPrecision(6)));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
