import { isCancellation } from '@temporalio/workflow';
import {
  type Answer,
  type CallError,
  type ComparedAnswer,
  CompareInput,
  type CompareResult,
  type ModelRef,
  type Policy,
  type RunOptions,
  textOf,
} from '../contract/index.ts';
import { answerOf } from './answer-of.ts';
import { callErrorOf, failure } from './failures.ts';
import { inputOf } from './input.ts';
import { policyOf } from './run.ts';
import { type Generated, generate } from './steps/generate.ts';
import { judge } from './steps/judge.ts';
import { merge } from './steps/merge.ts';

/** As a step of another workflow, `compare` can be given a name; its models' steps are then `<step>/<model>`. */
export type CompareStep = CompareInput & { step?: string };

/** What a workflow goes on with: the answers, and the best of them (the judge's choice, else the first that came). */
export type Compared = CompareResult & { best: Answer };

/**
 * Ask several models the same thing at once, and keep every answer.
 *
 *            +-> model a --+
 *   prompt --+-> model b --+--> answers --> (judge) --> (merge)
 *            +-> model c --+
 *
 * One model failing is an answer too: the run fails only if all do.
 */
export async function compare({ step, ...input }: CompareStep, options?: RunOptions): Promise<Compared> {
  const { models, policy, judge: judgePolicy, merge: mergePolicy, ...request } = inputOf(CompareInput, input, options);
  const named = (name: string) => (step === undefined ? name : `${step}/${name}`);
  const shared = policy === undefined ? {} : await policyOf(policy);

  const answers = await Promise.all(
    models.map((model) => attempt(model, generate({ ...request, step: named(model), policy: only(model, shared) }))),
  );
  const good = answers.filter((answer) => 'text' in answer);
  if (good.length === 0) throw failure(noneAnswered(step, answers));

  const question = request.prompt ?? request.messages!.map(textOf).join('\n\n');
  const judged =
    judgePolicy === undefined
      ? undefined
      : await judge({ step: named('judge'), policy: judgePolicy, question, answers: good });
  const merged =
    mergePolicy === undefined
      ? undefined
      : await merge({ step: named('merge'), policy: mergePolicy, question, answers: good });
  const best = good.find(({ model }) => model === judged?.best) ?? good[0]!;
  return {
    answers,
    best,
    ...(judged ? { verdict: judged } : {}),
    ...(merged ? { merged: answerOf(merged) } : {}),
  };
}

function only(model: ModelRef, policy: Partial<Policy>): Policy {
  return { ...policy, candidates: [model] };
}

async function attempt(model: ModelRef, asked: Promise<Generated>): Promise<ComparedAnswer> {
  try {
    const reply = await asked;
    const { firstTokenMs, totalMs } = reply;
    return { ...answerOf(reply), firstTokenMs, totalMs };
  } catch (thrown) {
    if (isCancellation(thrown)) throw thrown;
    return { model, error: callErrorOf(thrown) };
  }
}

function noneAnswered(step: string | undefined, answers: ComparedAnswer[]): CallError {
  const errors = answers.map((answer) => ('error' in answer ? `${answer.model}: ${answer.error.message}` : ''));
  const last = answers.findLast((answer) => 'error' in answer);
  return {
    type: last && 'error' in last ? last.error.type : 'Unavailable',
    message: `None of ${answers.length} models answered. ${errors.join('; ')}`,
    step,
  };
}
