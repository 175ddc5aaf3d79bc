import { ApplicationFailure } from '@temporalio/activity';
import { msOptionalToNumber } from '@temporalio/common/lib/time.js';
import {
  Answer,
  AskInput,
  beginCourse,
  type CadenzaActivities,
  CallError,
  type EndedRow,
  inputOfRow,
  isDeclined,
  type LoadedRow,
  type ModelReply,
  type ModelRequest,
  modelCallOf,
  nextMove,
  type OpenRow,
  PATTERNS,
  type Policy,
  type RunRef,
  requestSettings,
} from '../../contract/index.ts';
import { ProviderError } from '../../providers/index.ts';
import type { StoredMap } from '../../store/index.ts';
import { isInBatch } from '../batches/batched-call.ts';
import { createCallModel } from '../call-model.ts';
import type { Rooms } from '../rooms.ts';

/** What one request made of a row: its end, an open row for the workflow, a refusal for want of money, or a wait. */
export type Asked =
  | { ended: EndedRow; model?: string }
  | { open: OpenRow }
  | { row: number; overBudget: CallError }
  /** its answer is to come with a batch; `lookMs`: when to look for it */
  | { row: number; lookMs: number };

/** The input of a row's run, or what is wrong with it. */
export function loadRow({ definition }: StoredMap, data: { row: number; item: unknown }): LoadedRow {
  return { row: data.row, ...inputOfRow(definition, PATTERNS, data) };
}

/**
 * Makes the first request of a row, to the first candidate of its policy. A usable answer ends the row, and so does an
 * error after which the course of a step (contract/attempts.ts) ends. All other moves of it, waits included, are the
 * workflow's: it goes on in the same step.
 * @param now ms since 1970, by Temporal's clock
 */
export function createAskRow(rooms: Rooms): (run: RunRef, loaded: LoadedRow, now: () => number) => Promise<Asked> {
  const callModel = createQuietCalls(rooms);
  return async (run, loaded, now) => {
    const { row } = loaded;
    if ('error' in loaded) return { ended: { row, error: loaded.error } };
    const question = AskInput.parse(loaded.input);
    const policy = policyOf(rooms, question);
    if ('error' in policy) return { ended: { row, error: policy.error } };
    // Routers, guardrails and hedges take more than one call.
    if (question.route ?? policy.guardrails ?? policy.hedge) return { open: { row } };

    const [model] = policy.candidates as [string];
    const step = `row/${row}`;
    const { course } = beginCourse(policy, { now: now() });
    const { deadline } = course;
    try {
      const reply = await callModel(modelCallOf(policy, deadline, { run, step, model }), requestOf(question, policy));
      return isUsable(reply) ? { ended: { row, answer: Answer.parse(reply) }, model } : { open: { row, deadline } };
    } catch (thrown) {
      if (isInBatch(thrown)) return { row, lookMs: msOptionalToNumber(thrown.nextRetryDelay ?? undefined)! };
      const { error, isFinal } = failedCall(thrown);
      if (!isFinal) return { open: { row, deadline } };
      const ended = { ...error, step, model };
      if (error.type === 'BudgetExceeded') return { row, overBudget: ended };
      const { move } = nextMove(course, { error: ended }, { now: now() });
      return 'fail' in move ? { ended: { row, error: ended } } : { open: { row, tried: ended, deadline } };
    }
  };
}

/** Calls as all others, except that their words are not told as they come: nobody reads thousands of rows at once, and
 *  the answers are kept whole. */
function createQuietCalls(rooms: Rooms): CadenzaActivities['callModel'] {
  const { store } = rooms;
  const events: typeof store.events = {
    ...store.events,
    async append(run, given) {
      const told = given.filter(({ type }) => type !== 'call.delta' && type !== 'call.reasoning');
      if (told.length > 0) await store.events.append(run, told);
    },
  };
  return createCallModel({ ...rooms, store: { ...store, events } }, { quiet: true, waitsHere: true });
}

function policyOf({ providers }: Rooms, { policy }: AskInput): Policy | { error: CallError } {
  try {
    return providers.resolvePolicy(policy);
  } catch (thrown) {
    if (thrown instanceof ProviderError) return { error: thrown.error };
    throw thrown;
  }
}

/** The same request as the workflow would make: their calls are then one, and counted as one. */
function requestOf({ prompt, messages, system, schema }: AskInput, policy: Policy): ModelRequest {
  return {
    messages: messages ?? [{ role: 'user', content: prompt! }],
    system,
    schema,
    ...requestSettings(policy),
  };
}

function isUsable(reply: ModelReply): boolean {
  return reply.invalid === undefined && !reply.toolCalls?.length && !isDeclined(reply);
}

/** What a call ended with; not final, the same model is to be asked again, which counts on where it is.
 *  @throws what is no error of a call */
function failedCall(thrown: unknown): { error: CallError; isFinal: boolean } {
  const told = thrown instanceof ApplicationFailure ? CallError.safeParse(thrown.details?.[0]) : undefined;
  if (!told?.success) throw thrown;
  return { error: told.data, isFinal: (thrown as ApplicationFailure).nonRetryable === true };
}
