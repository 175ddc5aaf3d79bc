import { ApplicationFailure } from '@temporalio/activity';
import {
  Answer,
  AskInput,
  type CadenzaActivities,
  CallError,
  type EndedRow,
  isOutage,
  type LoadedRow,
  type ModelReply,
  type ModelRequest,
  modelCallOf,
  type OpenRow,
  type Policy,
  type RunRef,
  reactionTo,
  requestSettings,
} from '../../contract/index.ts';
import { ProviderError } from '../../providers/index.ts';
import type { Rooms } from '../rooms.ts';

/** What one request made of a row: its end, an open row for the workflow, or a refusal for want of money. */
export type Asked = { ended: EndedRow; model?: string } | { open: OpenRow } | { row: number; overBudget: CallError };

/** Fields this file knows the meaning of; with any other, the row is the workflow's from the start. */
const KNOWN_FIELDS = new Set(['prompt', 'messages', 'system', 'policy', 'schema']);
const KNOWN_SETTINGS = new Set([
  ...['candidates', 'maxAttempts', 'timeouts', 'cache', 'patience', 'maxOutputTokens', 'temperature', 'topP', 'seed'],
  ...['stop', 'effort', 'lane', 'fallbackOn'],
]);

/**
 * Makes the first request of a row, to the first candidate of its policy. A usable answer ends the row; so does an error
 * after which nobody would be asked. All else, waiting included, is the workflow's: it goes on in the same step.
 */
export async function askRow(
  { rooms, callModel, run }: { rooms: Rooms; callModel: CadenzaActivities['callModel']; run: RunRef },
  loaded: LoadedRow,
): Promise<Asked> {
  const { row } = loaded;
  if ('error' in loaded) return { ended: { row, error: loaded.error } };
  const question = AskInput.parse(loaded.input);
  const policy = policyOf(rooms, question);
  if ('error' in policy) return { ended: { row, error: policy.error } };
  if (!isKnown(question, KNOWN_FIELDS) || !isKnown(policy, KNOWN_SETTINGS)) return { open: { row } };

  const [model] = policy.candidates as [string];
  const call = modelCallOf(policy, Date.now() + 60_000, { run, step: `row/${row}`, model });
  try {
    const reply = await callModel(call, requestOf(question, policy));
    return isUsable(reply) ? { ended: { row, answer: Answer.parse(reply) }, model } : { open: { row } };
  } catch (thrown) {
    return afterFailure(thrown, row, policy);
  }
}

function policyOf({ providers }: Rooms, { policy }: AskInput): Policy | { error: CallError } {
  try {
    return providers.resolvePolicy(policy);
  } catch (thrown) {
    if (thrown instanceof ProviderError) return { error: thrown.error };
    throw thrown;
  }
}

function isKnown(value: object, known: Set<string>): boolean {
  return Object.entries(value).every(([key, field]) => field === undefined || known.has(key));
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

function isUsable({ invalid, finishReason, toolCalls }: ModelReply): boolean {
  return invalid === undefined && !toolCalls?.length && finishReason !== 'refusal' && finishReason !== 'contentFilter';
}

function afterFailure(thrown: unknown, row: number, { candidates, patience }: Policy): Asked {
  if (!(thrown instanceof ApplicationFailure)) throw thrown;
  const told = CallError.safeParse(thrown.details?.[0]);
  if (!told.success) throw thrown;
  const error: CallError = { ...told.data, step: `row/${row}`, model: candidates[0] };
  if (!thrown.nonRetryable) return { open: { row } };
  if (error.type === 'BudgetExceeded') return { row, overBudget: error };
  const nobodyElse = candidates.length === 1 && !(isOutage(error.type) && patience !== undefined);
  if (reactionTo(error.type) === 'fail' || nobodyElse) return { ended: { row, error } };
  return { open: { row, tried: error } };
}
