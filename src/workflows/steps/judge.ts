import { z } from 'zod';
import type { Answer, PolicyRef, Verdict } from '../../contract/index.ts';
import { record, stepId } from '../run.ts';
import { generate } from './generate.ts';

export interface JudgeRequest {
  step?: string;
  /** what was asked */
  question: string;
  answers: Pick<Answer, 'text' | 'model'>[];
  /** policy or model that judges */
  policy: PolicyRef;
  /** what makes an answer good */
  rubric?: string;
}

const DEFAULT_RUBRIC = 'Correct, complete, clear, and no longer than it needs to be.';

/**
 * Score answers against a rubric and name the best one. The judge sees letters instead of model names, so that no model
 * is favoured for what it is called.
 */
export async function judge(request: JudgeRequest): Promise<Verdict> {
  const { step = 'judge', question, answers, policy, rubric = DEFAULT_RUBRIC } = request;
  const letters = answers.map((_, index) => letterOf(index));
  const score = z.object({ answer: z.enum(letters), score: z.number().min(0).max(1), reason: z.string() });

  const { object } = await generate({
    step,
    policy,
    system: `You judge answers to a question. Rubric: ${rubric} Give every answer one score from 0 to 1 and a reason.`,
    prompt: [`Question:\n${question}`, ...answers.map(({ text }, index) => `Answer ${letterOf(index)}:\n${text}`)].join(
      '\n\n',
    ),
    output: z.object({ scores: z.array(score).min(1), reason: z.string() }),
  });

  const scores = object.scores.map(({ answer, ...said }) => ({
    model: answers[letters.indexOf(answer)]!.model,
    ...said,
  }));
  const best = scores.reduce((leader, next) => (next.score > leader.score ? next : leader)).model;
  const verdict: Verdict = { best, reason: object.reason, scores };
  await record([{ type: 'verdict', key: stepId(`verdict:${step}`), step, data: { verdict } }]);
  return verdict;
}

/** A, B, ..., Z, A1, B1, ... */
function letterOf(index: number): string {
  const letter = String.fromCharCode(65 + (index % 26));
  return index < 26 ? letter : `${letter}${Math.floor(index / 26)}`;
}
