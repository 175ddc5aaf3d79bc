import {
  type Answer,
  type ComparedAnswer,
  CompareInput,
  type CompareResult,
  type ModelRef,
  type Policy,
  type RunOptions,
  textOf,
} from '../contract/index.ts';
import { timedAnswerOf } from './answer-of.ts';
import { attempt, noneAnswered } from './attempt.ts';
import { failure } from './failures.ts';
import { inputOf } from './input.ts';
import { policyOf } from './run.ts';
import { generate } from './steps/generate.ts';
import { judge } from './steps/judge.ts';
import { merge } from './steps/merge.ts';
import { stoppable } from './stop-step.ts';

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
 * One model failing, or being stopped, is an answer too: the run fails only if all do.
 */
export async function compare({ step, ...input }: CompareStep, _options?: RunOptions): Promise<Compared> {
  const {
    models,
    policy,
    judge: judgePolicy,
    rubric,
    judgeMode,
    merge: mergePolicy,
    ...request
  } = inputOf(CompareInput, input);
  const named = (name: string) => (step === undefined ? name : `${step}/${name}`);
  const shared = policy === undefined ? {} : await policyOf(policy);

  const answers = await Promise.all(
    models.map(async (model): Promise<ComparedAnswer> => {
      const name = named(model);
      const asked = stoppable(name, () => generate({ ...request, step: name, policy: only(model, shared) }));
      const reply = await attempt(asked, name);
      return 'error' in reply ? { model, error: reply.error } : timedAnswerOf(reply);
    }),
  );
  const good = answers.flatMap((one, index) => ('text' in one ? [{ ...one, answer: index + 1 }] : []));
  if (good.length === 0)
    throw failure(
      noneAnswered(
        'models',
        answers.filter((one) => 'error' in one),
        step,
      ),
    );

  const question = request.prompt ?? request.messages!.map(textOf).join('\n\n');
  const verdict =
    judgePolicy === undefined
      ? undefined
      : await judge({
          step: named('judge'),
          policy: judgePolicy,
          question,
          answers: good,
          rubric,
          mode: judgeMode,
        });
  const merged =
    mergePolicy === undefined
      ? undefined
      : await merge({ step: named('merge'), policy: mergePolicy, question, answers: good });
  const { answer: _, ...best } = good.find(({ answer }) => answer === verdict?.bestAnswer) ?? good[0]!;
  return { answers, best, ...(verdict ? { verdict } : {}), ...(merged ? { merged } : {}) };
}

function only(model: ModelRef, policy: Partial<Policy>): Policy {
  return { ...policy, candidates: [model] };
}
