import { z } from 'zod';
import type { Criterion, Rubric } from '../../contract/index.ts';
import { generateAs } from './generate.ts';
import type { Judgement, Judging } from './judging.ts';
import { lettered, letterOf } from './letters.ts';

const Score = z.number().min(0).max(1);

/** Scores all answers in one call. The reason stands before the score, so that the score can follow from it. */
export async function scoreAll({ question, policy, rubric, id, texts }: Judging): Promise<Judgement> {
  const criteria = typeof rubric === 'string' ? undefined : rubric;
  const mark = criteria
    ? z.object({ reason: z.string(), criteria: z.object(byName(criteria, Score)) })
    : z.object({ reason: z.string(), score: Score });
  const letters = texts.map((_, index) => letterOf(index));

  const { object } = await generateAs(id, {
    policy,
    system:
      `You judge answers to a question. ${rubricText(rubric)}\nGive every answer a reason and then its score from 0 to 1` +
      `${criteria ? ' for each criterion' : ''}. The letters and the order of the answers mean nothing.`,
    prompt: lettered(question, texts),
    output: z.object({
      answers: z.object(Object.fromEntries(letters.map((letter) => [letter, mark]))),
      reason: z.string(),
    }),
  });

  const marks = letters.map((letter) => {
    const said = object.answers[letter]!;
    return 'criteria' in said
      ? { score: weighted(criteria!, said.criteria), reason: said.reason, criteria: said.criteria }
      : said;
  });
  return { marks, reason: () => object.reason };
}

export function rubricText(rubric: Rubric): string {
  if (typeof rubric === 'string') return `Rubric: ${rubric}`;
  const lines = rubric.map(({ name, description }) => `- ${name}${description ? `: ${description}` : ''}`);
  return ['Criteria:', ...lines].join('\n');
}

/** Weighted mean of an answer's scores by criterion, 0..1. */
export function weighted(criteria: Criterion[], scores: Record<string, number>): number {
  const total = criteria.reduce((sum, { weight = 1 }) => sum + weight, 0);
  return criteria.reduce((sum, { name, weight = 1 }) => sum + (scores[name] ?? 0) * (weight / total), 0);
}

function byName<Value>(criteria: Criterion[], value: Value): Record<string, Value> {
  return Object.fromEntries(criteria.map(({ name }) => [name, value]));
}
