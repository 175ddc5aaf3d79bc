import {
  BestOfInput,
  type BestOfResult,
  type Candidate,
  type Policy,
  type PolicyRef,
  type RunOptions,
  textOf,
} from '../contract/index.ts';
import { answerOf } from './answer-of.ts';
import { attempt, noneAnswered } from './attempt.ts';
import { failure } from './failures.ts';
import { inputOf } from './input.ts';
import { policyOf } from './run.ts';
import { generate } from './steps/generate.ts';
import { judge } from './steps/judge.ts';

/** As a step of another workflow, `bestOf` can be given a name; its samples' steps are then `<step>/sample/<number>`. */
export type BestOfStep = BestOfInput & { step?: string };

/**
 * Ask the same n times, and keep the best answer.
 *
 *            +-> sample/1 --+
 *   prompt --+-> sample/2 --+--> judge --> best
 *            +-> sample/n --+
 *
 * Every sample is a call of its own, never an answer from the cache. A sample that fails is left out: the run fails only
 * if all do, or if the judge does.
 */
export async function bestOf({ step, ...input }: BestOfStep, _options?: RunOptions): Promise<BestOfResult> {
  const { policy, n, judge: judgePolicy, rubric, judgeMode, ...request } = inputOf(BestOfInput, input);
  const named = (name: string) => (step === undefined ? name : `${step}/${name}`);
  const shared = await policyOf(policy);

  const candidates = await Promise.all(
    Array.from({ length: n }, async (_, index): Promise<Candidate> => {
      const sample = named(`sample/${index + 1}`);
      const reply = await attempt(generate({ ...request, step: sample, policy: samplePolicy(shared, index) }), sample);
      return 'error' in reply ? { model: reply.error.model, error: reply.error } : answerOf(reply);
    }),
  );
  const good = candidates.flatMap((one, index) => ('text' in one ? [{ ...one, answer: index + 1 }] : []));
  if (good.length === 0) {
    throw failure(
      noneAnswered(
        'samples',
        candidates.filter((one) => 'error' in one),
        step,
      ),
    );
  }

  const verdict = await judge({
    step: named('judge'),
    policy: judgePolicy,
    question: request.prompt ?? request.messages!.map(textOf).join('\n\n'),
    answers: good,
    rubric,
    mode: judgeMode,
  });
  const { answer: _, ...best } = good.find(({ answer }) => answer === verdict.bestAnswer)!;
  return { best, candidates, verdict };
}

/** Samples are to differ: none comes from the cache, and a fixed seed is counted on. */
function samplePolicy(policy: Policy, index: number): PolicyRef {
  const { seed } = policy;
  return { ...policy, cache: false, ...(seed === undefined ? {} : { seed: seed + index }) };
}
