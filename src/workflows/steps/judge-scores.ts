import { z } from 'zod';
import { generateAs } from './generate.ts';
import type { Judgement, Judging } from './judging.ts';
import { lettered, letterOf } from './letters.ts';
import { criteriaOf, markSchema, rubricText, scoreOf } from './rubric.ts';

/** Scores all answers in one call. The reason stands before the score, so that the score can follow from it. */
export async function scoreAll({ question, policy, rubric, id, texts }: Judging): Promise<Judgement> {
  const criteria = criteriaOf(rubric);
  const mark = markSchema(rubric);
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

  const marks = letters.map((letter) => scoreOf(rubric, object.answers[letter]!));
  return { marks, reason: () => object.reason };
}
