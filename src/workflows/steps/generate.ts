import { sleep } from '@temporalio/workflow';
import { z } from 'zod';
import {
  type CallError,
  durationMs,
  GuardrailVerdict,
  isOutage,
  type JsonSchema,
  type Message,
  type ModelCall,
  type ModelReply,
  type ModelRequest,
  type Policy,
  type PolicyRef,
  requestSettings,
  type ToolDefinition,
  type TranscriptWindow,
  withoutUndefined,
} from '../../contract/index.ts';
import { failure, mayFallBack } from '../failures.ts';
import { asForked } from '../fork.ts';
import { note, policyOf, stepId } from '../run.ts';
import { type CallPlan, callModel } from './call-model.ts';
import { type Guard, guarded } from './guardrails.ts';
import type { AskJudge } from './run-checks.ts';

export interface GenerateRequest<Output = unknown> {
  /** stable name of the step; used again in the same run it is numbered: `draft`, `draft#2` */
  step?: string;
  prompt?: string;
  messages?: Message[];
  /** lines of a transcript in the store, before `prompt` or `messages` */
  transcript?: TranscriptWindow;
  system?: string;
  /** a policy, or the name of one in the config; left out, the config's default */
  policy?: PolicyRef;
  /** what the answer must be: asked of the model as a JSON schema, checked, and repaired once */
  output?: z.ZodType<Output>;
  /** the same as `output`, for schemas that are only known as JSON */
  schema?: JsonSchema;
  tools?: ToolDefinition[];
  toolChoice?: ModelRequest['toolChoice'];
  /** what the first candidate was tried with before, and ended with for good: the next one is asked */
  tried?: CallError;
}

export type Generated<Output = unknown> = Omit<ModelReply, 'object' | 'invalid'> & { object: Output };

/**
 * Ask a model, durably: the first candidate of the policy that can answer does.
 *
 *   candidate 1 --error--> candidate 2 --error--> ... --all down--> wait (patience) --> candidate 1
 *        |                      |
 *        +-------answer---------+--> fits the schema? --no--> repair --> ask again --> next candidate
 *
 * A finished call is never paid again, whatever dies meanwhile; its words stream to the run's events as they come.
 * @throws ApplicationFailure with a `CallError` as its detail, once no candidate can answer
 */
export async function generate<Output = unknown>(request: GenerateRequest<Output>): Promise<Generated<Output>> {
  return generateAs(stepId(request.step ?? 'generate'), request);
}

/** The same for a step whose id is given out already. */
export async function generateAs<Output>(step: string, asked: GenerateRequest<Output>): Promise<Generated<Output>> {
  const request = asForked(step, asked);
  const policy = await policyOf(request.policy);
  const guard = await guarded(step, policy, requestOf(request, policy), askJudge);
  const askAll = candidates(step, policy, guard, request);
  const patienceEnds = Date.now() + (policy.patience === undefined ? 0 : durationMs(policy.patience));

  for (let round = 1; ; round += 1) {
    const outcome = await askAll();
    if ('reply' in outcome) return outcome.reply as Generated<Output>;
    const waitMs = Math.min(outageWaitMs(outcome.errors, round), patienceEnds - Date.now());
    if (waitMs <= 0) throw failure(summed(step, outcome.errors));
    note(`${step}: no candidate can answer, asking again in ${Math.ceil(waitMs / 1_000)} s`);
    await sleep(waitMs, { summary: `${step} · waiting, ${outcome.errors.at(-1)!.type}` });
  }
}

type Outcome = { reply: ModelReply } | { errors: CallError[] };

/** Goes once through the policy's candidates each time it is called; calls are numbered over all rounds. */
function candidates(
  step: string,
  policy: Policy,
  guard: Guard,
  { output, tried: before }: Pick<GenerateRequest, 'output' | 'tried'>,
): () => Promise<Outcome> {
  let nth = 0;
  let tried = before;
  let fallback: ModelCall['fallback'];
  return async () => {
    const errors: CallError[] = [];
    for (const model of policy.candidates) {
      const mine = guard.requestFor(model);
      if ('error' in mine) {
        errors.push(mine.error);
        fallback = { from: model, error: mine.error };
        continue;
      }
      const hedge = hedgeOf(policy, model, guard);
      const ask = (asked: ModelRequest, sample?: number) => {
        const left = fallback?.from === model ? undefined : fallback;
        fallback = undefined;
        nth += 1;
        return callModel({ step, model, policy, request: asked, nth, fallback: left, sample, hedge });
      };
      const outcome = tried ? { error: tried } : await guard.reply(ask, mine.request, output);
      tried = undefined;
      if ('reply' in outcome) return outcome;
      errors.push(outcome.error);
      fallback = { from: model, error: outcome.error };
      const movesOn = 'moveOn' in outcome || mayFallBack(outcome.error, policy.fallbackOn);
      if (!movesOn) break;
    }
    return { errors };
  };
}

/** Only the first candidate is hedged, and only with one that may be asked the same. */
function hedgeOf({ candidates: [first, second], hedge }: Policy, model: string, guard: Guard): CallPlan['hedge'] {
  if (!hedge || second === undefined || model !== first || !guard.isSameForAll) return undefined;
  return { model: second, afterMs: hedge.afterMs };
}

/** A guardrail's question to a model: a step of its own, and nobody guards the guards. */
async function askJudge({ step, model, system, prompt }: Parameters<AskJudge>[0]): Promise<unknown> {
  const policy = { ...(await policyOf(model)), guardrails: undefined };
  const judged = await generateAs(stepId(step), { system, prompt, policy, output: GuardrailVerdict });
  return judged.object;
}

function requestOf(request: GenerateRequest, policy: Policy): ModelRequest {
  const { prompt, messages, transcript, system, output, schema, tools, toolChoice } = request;
  if ((prompt === undefined) === (messages === undefined)) {
    throw failure({
      type: 'InvalidRequest',
      message: 'A step is given either prompt or messages',
      path: 'input.prompt',
    });
  }
  return withoutUndefined({
    messages: messages ?? [{ role: 'user', content: prompt! }],
    transcript,
    system,
    tools,
    toolChoice,
    schema: output ? (z.toJSONSchema(output) as JsonSchema) : schema,
    ...requestSettings(policy),
  });
}

/** The shortest `Retry-After` of the outages, else 5 s doubled each round up to 5 minutes; 0 if waiting would not help. */
function outageWaitMs(errors: CallError[], round: number): number {
  const outages = errors.filter((error) => isOutage(error.type));
  if (outages.length === 0) return 0;
  const asked = outages.map((error) => error.retryAfterMs).filter((ms) => ms !== undefined);
  return asked.length > 0 ? Math.min(...asked) : Math.min(5_000 * 2 ** (round - 1), 300_000);
}

function summed(step: string, errors: CallError[]): CallError {
  const last = errors.at(-1)!;
  if (errors.length === 1) return { ...last, step };
  const all = errors.map((error) => `${error.model}: ${error.type}, ${error.message}`).join('; ');
  return { ...last, step, message: `None of ${errors.length} candidates could answer "${step}". ${all}` };
}
