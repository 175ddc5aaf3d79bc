import { z } from 'zod';
import type { Answer, PolicyRef, Ranking, Standing } from '../../contract/index.ts';
import { note } from '../run.ts';
import { generate } from './generate.ts';
import { lettered, letterOf } from './letters.ts';
import { stableOrder } from './stable-order.ts';

export interface RankRequest {
  step?: string;
  /** what was asked */
  question: string;
  /** each with its number, by which the places name it */
  answers: (Pick<Answer, 'text' | 'model'> & { answer: number })[];
  /** who ranks; it also decides in which order it sees the answers */
  member: string;
  policy: PolicyRef;
}

type Places = Extract<Ranking, { places: unknown }>['places'];

/**
 * Have one model rank answers without knowing whose they are: each gets a comment and a place, best first.
 * Every member sees them in an order of its own that does not depend on the order they are given in.
 */
export async function rank({ step = 'rank', question, answers, member, policy }: RankRequest): Promise<Places> {
  const texts = stableOrder(
    answers.map(({ text }) => text),
    member,
  );
  const letters = texts.map((_, index) => letterOf(index));
  const place = z.object({ comment: z.string(), rank: z.number().int().min(1).max(texts.length) });
  const { object } = await generate({
    step,
    policy,
    system:
      'You rank answers to a question by how correct and how useful they are. Give each a short comment, and then its ' +
      `rank: 1 for the best, ${texts.length} for the last. The letters and the order of the answers mean nothing.`,
    prompt: lettered(question, texts),
    output: z.object(Object.fromEntries(letters.map((letter) => [letter, place]))),
  });
  const given = letters.map((letter) => object[letter]!);
  const ranks = sharedRanks(answers.map(({ text }) => given[texts.indexOf(text)]!.rank));
  const places = answers.map(({ answer, model, text }, index) => ({
    answer,
    model,
    rank: ranks[index]!,
    comment: given[texts.indexOf(text)]!.comment,
  }));
  note(
    `${step}: ${[...places]
      .sort((a, b) => a.rank - b.rank)
      .map((one) => `${one.model} ${one.rank}`)
      .join(', ')}`,
  );
  return places;
}

/** Ranks without gaps, in which equal ones share the mean of their places: `[1, 1, 3]` becomes `[1.5, 1.5, 3]`. */
export function sharedRanks(ranks: number[]): number[] {
  return ranks.map((rank) => {
    const better = ranks.filter((other) => other < rank).length;
    const equal = ranks.filter((other) => other === rank).length;
    return better + (equal + 1) / 2;
  });
}

/** Every answer's mean rank over all rankings, best first; equal ones in the order of their numbers. */
export function standingsOf(rankings: Ranking[]): Standing[] {
  const places = rankings.flatMap((ranking) => ('places' in ranking ? ranking.places : []));
  const answers = new Map(places.map(({ answer, model }) => [answer, model]));
  return [...answers]
    .map(([answer, model]) => {
      const ranks = places.filter((place) => place.answer === answer).map((place) => place.rank);
      return {
        answer,
        model,
        meanRank: ranks.reduce((sum, one) => sum + one, 0) / ranks.length,
        rankings: ranks.length,
      };
    })
    .sort((a, b) => a.meanRank - b.meanRank || a.answer - b.answer);
}
