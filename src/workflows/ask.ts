import { type Answer, AskInput, type RunOptions } from '../contract/index.ts';
import { answerOf } from './answer-of.ts';
import { inputOf } from './input.ts';
import { generate } from './steps/generate.ts';

/**
 * Ask one question, and get one answer.
 *
 *   prompt --> candidate 1 (GPT) --down?--> candidate 2 (Claude) --down?--> candidate 3 (Gemini) --> answer
 */
export async function ask(input: AskInput, options?: RunOptions): Promise<Answer> {
  const question = inputOf(AskInput, input, options);
  return answerOf(await generate({ step: 'ask', ...question }));
}
