/** Of ms since 1970. */
export interface Span {
  from: number;
  to: number;
}

/** A stretch of time on the axis: `x` from 0 to 1. Where nothing was done for long, it takes less room than it lasted. */
export interface Stretch extends Span {
  x0: number;
  x1: number;
  isGap: boolean;
}

export interface Tick {
  x: number;
  /** ms since the scale's beginning */
  atMs: number;
}

/** What an idle stretch takes of the axis, and all of them together at most. */
const GAP_WIDTH = 0.07;
const GAPS_WIDTH = 0.4;
/** A stretch is idle where it is longer than this part of all that was busy. */
const IDLE_PART = 0.5;
const SHORTEST_IDLE_MS = 2_000;

/**
 * A time axis on which calls of a second are readable in a run of two weeks: time in which nothing was done (the run waited
 * for a provider, a timer or a person) is folded into narrow stretches of their own.
 * @param busy when something was done
 * @param isFolded false: true to scale
 */
export function timeScale(whole: Span, busy: readonly Span[], isFolded: boolean): Stretch[] {
  const { from } = whole;
  const to = Math.max(whole.to, from + 1);
  const spans = isFolded ? united(busy, { from, to }) : [];
  const busyMs = spans.reduce((sum, span) => sum + span.to - span.from, 0);
  const idle = (ms: number) => ms > SHORTEST_IDLE_MS && ms > busyMs * IDLE_PART;
  const parts: (Span & { isGap: boolean })[] = [];
  let at = from;
  for (const span of [...spans, { from: to, to }]) {
    if (idle(span.from - at) && busyMs > 0) parts.push({ from: at, to: span.from, isGap: true });
    else if (span.from > at) parts.push({ from: at, to: span.from, isGap: false });
    if (span.to > span.from) parts.push({ ...span, isGap: false });
    at = span.to;
  }
  const joined = joinedParts(parts);
  const gaps = joined.filter(({ isGap }) => isGap).length;
  const gapWidth = Math.min(GAP_WIDTH, GAPS_WIDTH / Math.max(1, gaps));
  const drawnMs = joined.reduce((sum, part) => sum + (part.isGap ? 0 : part.to - part.from), 0);
  let x = 0;
  return joined.map((part) => {
    const width = part.isGap ? gapWidth : ((part.to - part.from) / drawnMs) * (1 - gaps * gapWidth);
    const stretch = { ...part, x0: x, x1: x + width };
    x += width;
    return stretch;
  });
}

/** Where a time is on the axis, 0 to 1; what lies outside is at its end. */
export function xOf(scale: readonly Stretch[], at: number): number {
  const stretch = scale.find(({ to }) => at <= to) ?? scale.at(-1)!;
  const part = (at - stretch.from) / Math.max(1, stretch.to - stretch.from);
  return stretch.x0 + Math.min(1, Math.max(0, part)) * (stretch.x1 - stretch.x0);
}

/** Round times for the axis, with room between them, in the stretches that are drawn to scale. */
export function ticksOf(scale: readonly Stretch[], most = 8): Tick[] {
  const start = scale[0]!.from;
  const drawn = scale.filter(({ isGap }) => !isGap);
  const drawnMs = drawn.reduce((sum, { from, to }) => sum + to - from, 0);
  const step = STEPS_MS.find((ms) => drawnMs / ms <= most) ?? STEPS_MS.at(-1)!;
  const ticks: Tick[] = [];
  for (const { from, to } of drawn) {
    const first = Math.ceil((from - start) / step) * step;
    for (let atMs = first; atMs <= to - start; atMs += step) {
      const x = xOf(scale, start + atMs);
      const last = ticks.at(-1);
      const isFree = !last || x - last.x > 0.6 / most;
      const hitsGap = scale.some(({ isGap, x0 }) => isGap && x0 > x - 1e-9 && x0 - x < 0.5 / most);
      if (isFree && !hitsGap) ticks.push({ x, atMs });
    }
  }
  return ticks;
}

const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000] as const;
const STEPS_MS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14, 28, 91, 365].map((n) => n * DAY),
];

/** Overlapping spans as one, within the whole. */
function united(spans: readonly Span[], whole: Span): Span[] {
  const sorted = spans
    .map(({ from, to }) => ({ from: Math.max(from, whole.from), to: Math.min(to, whole.to) }))
    .filter(({ from, to }) => to >= from)
    .sort((a, b) => a.from - b.from);
  const all: Span[] = [];
  for (const span of sorted) {
    const last = all.at(-1);
    if (last && span.from <= last.to) last.to = Math.max(last.to, span.to);
    else all.push({ ...span });
  }
  return all;
}

function joinedParts(parts: (Span & { isGap: boolean })[]): (Span & { isGap: boolean })[] {
  const all: (Span & { isGap: boolean })[] = [];
  for (const part of parts) {
    const last = all.at(-1);
    if (last && !last.isGap && !part.isGap) last.to = part.to;
    else all.push({ ...part });
  }
  return all;
}
