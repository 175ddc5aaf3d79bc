import type { Used } from './usage.ts';

/** What one unit of some work costs, or a second of nothing to do. */
export type Cost = Omit<Used, 'ms'>;

/** A sum of costs, each times a factor: `combined([1, many], [-1, few])`. */
export function combined(...terms: [factor: number, cost: Cost][]): Cost {
  const [[, shape]] = terms as [[number, Cost]];
  const sums = Object.entries(shape).map(([what, figures]) => [
    what,
    Object.fromEntries(
      Object.keys(figures).map((name) => [
        name,
        terms.reduce(
          (sum, [factor, cost]) => sum + factor * (cost[what as keyof Cost] as Record<string, number>)[name]!,
          0,
        ),
      ]),
    ),
  ]);
  return Object.fromEntries(sums) as Cost;
}

/** A cost as it can be: what is below zero is a difference of two large numbers, and nothing. */
export function withoutNoise(cost: Cost): Cost {
  return JSON.parse(JSON.stringify(cost), (_, value) =>
    typeof value === 'number' ? Math.max(0, value) : value,
  ) as Cost;
}

/** Of each unit, as measure.ts finds it and simulate.ts takes it. */
export interface Measured {
  /** a second of one worker, one gateway, Temporal and two databases with nothing to do */
  idleSecond: Cost;
  /** a run with no call in it, in the standard and in the fast lane */
  run: Cost;
  fastRun: Cost;
  /** a call with no words, in the standard and in the fast lane */
  call: Cost;
  fastCall: Cost;
  /** a word of an answer */
  token: Cost;
  /** a word of an answer, read by one reader over SSE */
  readToken: Cost;
  /** a message to a conversation and its answer of 20 words */
  turn: Cost;
  /** a conversation that has begun and waits */
  conversation: Cost;
  /** how often Temporal writes a workflow's state, each time under the lock of its history shard, in the standard lane */
  transitions: { run: number; call: number; turn: number };
  /** resident, MB, with nothing to do, and then with so many conversations open */
  memoryMb: { idle: Record<string, number>; open: Record<string, number>; conversations: number };
}
