import type { Answer, PolicyRef } from '../../contract/index.ts';
import { type Generated, generate } from './generate.ts';

export interface MergeRequest {
  step?: string;
  /** what was asked */
  question: string;
  answers: Pick<Answer, 'text' | 'model'>[];
  /** policy or model that writes the one answer */
  policy: PolicyRef;
}

/** Make one answer of several: what they agree on, the best of each, and where they contradict each other. */
export async function merge({ step = 'merge', question, answers, policy }: MergeRequest): Promise<Generated> {
  return generate({
    step,
    policy,
    system:
      'You are given several answers to one question. Write the one answer that is best: keep what they agree on and what ' +
      'is right in each, say where they contradict each other, and add nothing that none of them supports.',
    prompt: [`Question:\n${question}`, ...answers.map(({ text, model }) => `Answer of ${model}:\n${text}`)].join(
      '\n\n',
    ),
  });
}
