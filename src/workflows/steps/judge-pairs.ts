import { z } from 'zod';
import type { Comparison } from '../../contract/index.ts';
import { concurrently } from '../concurrently.ts';
import { generate } from './generate.ts';
import type { Judgement, Judging } from './judging.ts';
import { lettered } from './letters.ts';
import { rubricText } from './rubric.ts';

const ALL = Number.POSITIVE_INFINITY;
/** From so many answers on, each challenges the best so far instead of all others: n-1 pairs, not n(n-1)/2. */
const LADDER_FROM = 5;

const Choice = z.object({ reason: z.string(), better: z.enum(['A', 'B', 'tie']) });

/** Two texts (by their place in the list) that were compared; `winner` is null for a tie. */
export interface Pair {
  texts: [number, number];
  winner: number | null;
}

/**
 * Compares answers two by two, each pair in both orders: an answer wins only if it is chosen in both, else it is a tie
 * (the "conservative approach" of Zheng et al. 2023, arXiv 2306.05685, section 3.4).
 */
export async function comparePairs(judging: Judging): Promise<Judgement> {
  const { texts } = judging;
  const comparisons: Comparison[] = [];
  const meet = async (first: number, second: number): Promise<Pair> => {
    const { winner, comparison } = await compareTwo(judging, first, second);
    comparisons.push(comparison);
    return { texts: [first, second], winner };
  };

  const ladder = texts.length >= LADDER_FROM;
  const pairs = ladder
    ? await climb(texts.length, meet)
    : await concurrently(allPairs(texts.length), ALL, ([a, b]) => meet(a, b));
  const scores = ladder ? ladderScores(texts.length, pairs) : roundScores(texts.length, pairs);
  const marks = scores.map((score, index) => ({ score, reason: recordOf(index, pairs) }));
  const differed = comparisons.filter(({ consistent }) => !consistent).length;
  return {
    marks,
    comparisons: comparisons.sort((a, b) => a.answers[0] - b.answers[0] || a.answers[1] - b.answers[1]),
    reason: (best) =>
      `Answer ${best} was ${ladder ? 'beaten by none it met' : 'the best'} in ${pairs.length} comparisons, each made in both orders` +
      `${differed > 0 ? `; ${differed} of them changed with the order and count as ties` : ''}.`,
  };
}

async function compareTwo(judging: Judging, first: number, second: number) {
  const { texts, numberOf } = judging;
  const [a, b] = [texts[first]!, texts[second]!];
  const orders = [[a, b] as const, [b, a] as const];
  const [straight, swapped] = await concurrently(orders, ALL, ([one, other]) => choose(judging, one, other));
  const choices = [winnerOf(straight!.better, first, second), winnerOf(swapped!.better, second, first)];
  const consistent = choices[0] === choices[1];
  const winner = consistent ? choices[0]! : null;
  const comparison: Comparison = {
    answers: [numberOf(a), numberOf(b)],
    winner: winner === null ? null : numberOf(texts[winner]!),
    consistent,
    reasons: [straight!.reason, swapped!.reason],
  };
  return { winner, comparison };
}

async function choose({ question, policy, rubric, id, numberOf }: Judging, a: string, b: string) {
  const { object } = await generate({
    step: `${id}/${numberOf(a)}-${numberOf(b)}`,
    policy,
    system:
      `You judge two answers to a question. ${rubricText(rubric)}\nSay why, and then which is better: A, B, or tie where ` +
      'neither is. The letters and the order of the answers mean nothing.',
    prompt: lettered(question, [a, b]),
    output: Choice,
  });
  return object;
}

function winnerOf(better: 'A' | 'B' | 'tie', a: number, b: number): number | null {
  return better === 'tie' ? null : better === 'A' ? a : b;
}

function allPairs(count: number): [number, number][] {
  return Array.from({ length: count }, (_, a) => a).flatMap((a) =>
    Array.from({ length: count - a - 1 }, (_, offset): [number, number] => [a, a + offset + 1]),
  );
}

/** Each text in turn challenges the champion, who stays after a tie. */
async function climb(count: number, meet: (champion: number, challenger: number) => Promise<Pair>): Promise<Pair[]> {
  const pairs: Pair[] = [];
  let champion = 0;
  for (let challenger = 1; challenger < count; challenger += 1) {
    const pair = await meet(champion, challenger);
    pairs.push(pair);
    champion = pair.winner ?? champion;
  }
  return pairs;
}

/** Share of an answer's comparisons that it won, a tie being half a win. */
export function roundScores(count: number, pairs: Pair[]): number[] {
  if (count === 1) return [1];
  return Array.from({ length: count }, (_, index) => {
    const points = pairs
      .filter(({ texts }) => texts.includes(index))
      .map(({ winner }) => (winner === null ? 0.5 : winner === index ? 1 : 0));
    return points.reduce<number>((sum, point) => sum + point, 0) / (count - 1);
  });
}

/** How answers stand to the last champion: 1 itself and those it only tied with, 0 those that it, or whom it beat, left behind. */
export function ladderScores(count: number, pairs: Pair[]): number[] {
  const champion = pairs.reduce((leader, { winner }) => winner ?? leader, 0);
  const equal = pairs
    .filter(({ texts, winner }) => winner === null && texts.includes(champion))
    .flatMap(({ texts }) => texts);
  return Array.from({ length: count }, (_, index) => (index === champion || equal.includes(index) ? 1 : 0));
}

function recordOf(index: number, pairs: Pair[]): string {
  const met = pairs.filter(({ texts }) => texts.includes(index));
  const won = met.filter(({ winner }) => winner === index).length;
  const tied = met.filter(({ winner }) => winner === null).length;
  return `won ${won}, tied ${tied}, lost ${met.length - won - tied}`;
}
