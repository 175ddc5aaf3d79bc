import { CancellationScope, isCancellation, workflowInfo } from '@temporalio/workflow';
import {
  type CallError,
  type ContextPolicy,
  ConversationInput,
  type ConversationResult,
  DEFAULT_CONTEXT,
  durationMs,
  type RunOptions,
} from '../contract/index.ts';
import { continueRun } from './continue-run.ts';
import { fixedTexts, fixedTokens, type Memory } from './conversation/context.ts';
import { type Incoming, openInbox } from './conversation/inbox.ts';
import { summarised } from './conversation/summary.ts';
import { transcripts } from './conversation/transcripts.ts';
import { type Turn, takeTurn } from './conversation/turn.ts';
import { callErrorOf, failure } from './failures.ts';
import { inputOf } from './input.ts';
import { hasNewerBuild } from './newer-build.ts';
import { currentRun, policyOf } from './run.ts';

/** Turns one history holds where the input does not say: about 1,450 events and, with short answers, 450 kB. */
const HISTORY_TURNS = 100;
/** When messages come so fast that the run never gets to its next history, they are turned away after so many times that. */
const CROWDED = 2;

/**
 * Talk with a model, message by message, for as long as it takes.
 *
 *   send --> inbox --> turn: instructions, pinned facts, summary, window, message --> answer
 *              ^                                                                       |
 *              +--- next message | end, idle | a new history <--- (summary) <----------+
 *
 * Messages are answered one after the other, each by the Update that brought it. The words lie in a transcript in the
 * store; here are only references to it, so that the thousandth turn costs what the tenth did.
 */
export async function conversation(
  input: ConversationInput,
  options?: RunOptions,
  memoryBefore?: Memory,
): Promise<ConversationResult> {
  const inbox = openInbox();
  const { system, policy: policyRef, context = DEFAULT_CONTEXT, ...rest } = inputOf(ConversationInput, input);
  const { idle, historyTurns = HISTORY_TURNS } = rest;
  const idleMs = idle === undefined ? undefined : durationMs(idle);
  let memory: Memory;
  try {
    const policy = await policyOf(policyRef);
    memory = memoryBefore ?? (await opened(system, context));

    for (let turns = 1; ; turns += 1) {
      const message = await inbox.next(idleMs);
      if (typeof message === 'object') {
        memory = await answered(message, { memory, policy, context });
        memory = await summarised({ memory, policy, context });
      }
      const isOver = message === 'over' || inbox.isEnded();
      if (turns >= CROWDED * historyTurns) inbox.close(CROWDED_OUT);
      const isFull = turns >= historyTurns || workflowInfo().continueAsNewSuggested || hasNewerBuild();
      if (!(isOver || isFull) || !(await inbox.isQuiet())) continue;
      // Asked again: the end may have come while the last answers were delivered, and a new history would not know of it.
      if (!isOver && !inbox.isEnded()) break;
      // The run's last bookkeeping takes its time: whoever sends a message meanwhile is told.
      inbox.close();
      return { turns: memory.turns };
    }
  } catch (thrown) {
    await CancellationScope.nonCancellable(() => inbox.abandon(ofEndedRun(thrown)));
    throw thrown;
  }
  return continueRun(input, options ?? {}, memory);
}

/** A turn that fails is told to whoever sent the message; the conversation goes on without it. */
async function answered(message: Incoming, turn: Turn): Promise<Memory> {
  try {
    const { answer, memory } = await takeTurn(message, turn);
    message.resolve(answer);
    return memory;
  } catch (thrown) {
    message.reject(isCancellation(thrown) ? failure(ofEndedRun(thrown)) : thrown);
    if (isCancellation(thrown)) throw thrown;
    return turn.memory;
  }
}

async function opened(system: string | undefined, context: ContextPolicy): Promise<Memory> {
  const texts = fixedTexts(system, context);
  const { maxTokens } = context.window;
  const fixed = await transcripts.keepMessages(texts.map((content) => ({ role: 'system', content })));
  const place = { id: currentRun().ref.chain, length: 0, from: 0 };
  const memory: Memory = { place, fixed, summary: { to: 0 }, ratios: {}, maxTokens, turns: 0 };
  const tokens = fixedTokens(memory);
  if (tokens < maxTokens) return memory;
  throw failure({
    type: 'InvalidRequest',
    message: `The instructions and pinned facts have about ${tokens} tokens, and a request may have ${maxTokens}`,
    hint: 'Shorten them, or raise context.window.maxTokens',
    path: 'input.context.window.maxTokens',
  });
}

const CROWDED_OUT: CallError = {
  type: 'Unavailable',
  message: 'The conversation has more messages than it can answer just now',
  hint: 'Send the message again, under the same id, in a moment',
  retryAfterMs: 500,
};

function ofEndedRun(thrown: unknown): CallError {
  const { type, message } = callErrorOf(thrown);
  return { type, message: `The conversation ended before this message was answered. ${message}` };
}
