import { AskInput, type AskResult, type CallError, type RunOptions } from '../contract/index.ts';
import { askResultOf } from './answer-of.ts';
import { inputOf } from './input.ts';
import { generate } from './steps/generate.ts';
import { route } from './steps/route.ts';

/**
 * Ask one question, and get one answer.
 *
 *   prompt --> (route) --> candidate 1 (GPT) --down?--> candidate 2 (Claude) --down?--> candidate 3 (Gemini) --> answer
 */
export async function ask(input: AskInput, _options?: RunOptions): Promise<AskResult> {
  return answerTo(inputOf(AskInput, input), { step: 'ask', routeStep: 'route' });
}

/** The same for a question that was checked before. @param at `tried`, `deadline`: see `generate` */
export async function answerTo(
  { route: router, ...question }: AskInput,
  { routeStep, ...at }: { step: string; routeStep: string; tried?: CallError; deadline?: number },
): Promise<AskResult> {
  if (router === undefined) return askResultOf(await generate({ ...at, ...question }));
  const { policy, answer } = await route({ step: routeStep, request: question, route: router });
  return askResultOf(answer ?? (await generate({ step: at.step, ...question, policy })));
}
