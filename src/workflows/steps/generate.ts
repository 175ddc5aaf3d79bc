import { z } from 'zod';
import {
  type Ask,
  type At,
  beginCourse,
  type CallError,
  GuardrailVerdict,
  insistedOn,
  type JsonSchema,
  type Message,
  type ModelReply,
  type ModelRequest,
  type Move,
  nextMove,
  type Outcome,
  type Policy,
  type PolicyRef,
  type RequestSettings,
  requestSettings,
  type ToolDefinition,
  type TranscriptWindow,
  withoutUndefined,
} from '../../contract/index.ts';
import { failure } from '../failures.ts';
import { asForked } from '../fork.ts';
import { host } from '../host.ts';
import { keepDeadline, keepFailure, note, policyOf, record, waitsOf, wasReset } from '../run.ts';
import { placeOf, stepId } from '../step-id.ts';
import { type CallPlan, callModel } from './call-model.ts';
import { type Guard, guarded } from './guardrails.ts';
import type { AskJudge } from './run-checks.ts';
import { corrected, hasOwnChecks, usabilityOf } from './usable-reply.ts';

export interface GenerateRequest<Output = unknown> {
  /** stable name of the step; used again in the same run it is numbered: `draft`, `draft#2` */
  step?: string;
  /** who asks, where that is not the step: people see it beside the step's name */
  by?: string;
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
  /** hash of tools in the store */
  toolset?: string;
  /** further requests begin as this one does */
  keepsPrefix?: boolean;
  toolChoice?: ModelRequest['toolChoice'];
  /** false: at most one tool call an answer */
  parallelTools?: boolean;
  /** instead of the policy's own; a candidate that does not know one is not asked */
  settings?: RequestSettings;
  /** what the first candidate was tried with before, and ended with for good: the next one is asked */
  tried?: CallError;
  /** ms since 1970: when the step's patience ends, where it began in an earlier history */
  deadline?: number;
}

export type Generated<Output = unknown> = Omit<ModelReply, 'object' | 'invalid'> & { object: Output };

/**
 * Ask a model, durably: the first candidate of the policy that can answer does.
 *
 *   candidate 1 --error--> candidate 2 --error--> ... --all down--> wait (patience) --> whoever is back first
 *        |                      |
 *        +-------answer---------+--> fits the schema? --no--> repair --> ask again --> next candidate
 *
 * The rules of this course are `contract/course.ts`; here its moves are carried out.
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
  const checksItself = isCheckedHere(request, policy);
  let { course, move } = beginCourse(policy, at(), request.deadline ?? waitsOf().deadlines?.[step]);
  keepDeadline(step, course.deadline);
  if (request.tried) ({ course, move } = nextMove(course, { error: request.tried }, at()));

  for (;;) {
    if ('fail' in move) {
      const error = summed(step, move.fail);
      keepFailure(step, error);
      throw failure(error);
    }
    const outcome = 'ask' in move ? await answerTo(move.ask) : await waited(step, move);
    if (outcome !== 'waited' && 'reply' in outcome) {
      if (checksItself) await record([{ type: 'step.completed', key: `step.completed:${step}`, step }]);
      return outcome.reply as Generated<Output>;
    }
    ({ course, move } = nextMove(course, outcome, at()));
  }

  async function answerTo(ask: Ask): Promise<{ reply: ModelReply } | Outcome> {
    const mine = guard.requestFor(ask.model);
    if ('rejected' in mine) return mine;
    const sent = corrected(mine.request, ask.corrections);
    const failed = waitsOf().failed?.[step];
    if (failed) await throwAgain(failed, step, sent);
    const called = await callModel({
      ...ask,
      step,
      by: request.by,
      policy,
      request: sent,
      checkedAfter: checksItself || undefined,
      deadline: course.deadline,
      hedge: hedgeOf(policy, ask.model, guard),
    });
    const usable = 'error' in called ? called : usabilityOf(called.reply, request.output);
    return 'reply' in usable ? guard.accept(usable.reply) : usable;
  }
}

/** The output has checks that the activity cannot make. Guardrails that come after them tell of the step's end themselves. */
function isCheckedHere({ output }: GenerateRequest, { guardrails }: Policy): boolean {
  if (output === undefined || guardrails?.after?.length || !hasOwnChecks(output)) return false;
  return host().patched('completed-once-checked');
}

/** The step came to nothing before this host had the run, which went on without it. Its place is taken all the same. */
async function throwAgain(error: CallError, step: string, request: ModelRequest): Promise<void> {
  placeOf(step, request);
  if (!(await wasReset())) throw failure(error);
}

function at(): At {
  return { now: Date.now(), historyLength: host().workflowInfo().historyLength };
}

async function waited(step: string, { waitMs, error }: Extract<Move, { waitMs: number }>): Promise<'waited'> {
  note(`${step}: no candidate can answer, asking again in ${Math.ceil(waitMs / 1_000)} s`);
  await host().sleep(waitMs, { summary: `${step} · waiting, ${error.type}` });
  return 'waited';
}

/** Only the first candidate is hedged, and only with one that may be asked the same; a call that waits for a batch is not. */
function hedgeOf(
  { candidates: [first, second], hedge, batch }: Policy,
  model: string,
  guard: Guard,
): CallPlan['hedge'] {
  if (!hedge || batch || second === undefined || model !== first || !guard.isSameForAll) return undefined;
  return { model: second, afterMs: hedge.afterMs };
}

/** A guardrail's question to a model: a step of its own, and nobody guards the guards. */
async function askJudge({ step, model, system, prompt }: Parameters<AskJudge>[0]): Promise<unknown> {
  const policy = { ...(await policyOf(model)), guardrails: undefined };
  const judged = await generateAs(stepId(step), { system, prompt, policy, output: GuardrailVerdict });
  return judged.object;
}

function requestOf(request: GenerateRequest, policy: Policy): ModelRequest {
  const { prompt, messages, transcript, system, output, schema, tools, toolset, keepsPrefix, toolChoice } = request;
  const { parallelTools, settings } = request;
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
    toolset,
    keepsPrefix,
    toolChoice,
    parallelTools,
    schema: output ? (z.toJSONSchema(output) as JsonSchema) : schema,
    ...requestSettings(policy),
    ...withoutUndefined(settings ?? {}),
    insists: insistedOn(request),
  });
}

function summed(step: string, errors: CallError[]): CallError {
  const last = errors.at(-1)!;
  if (errors.length === 1) return { ...last, step };
  const all = errors.map((error) => `${error.model}: ${error.type}, ${error.message}`).join('; ');
  return { ...last, step, message: `None of ${errors.length} candidates could answer "${step}". ${all}` };
}
