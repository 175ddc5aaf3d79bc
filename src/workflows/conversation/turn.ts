import type { Answer, CallError, ContextPolicy, Policy } from '../../contract/index.ts';
import { answerOf } from '../answer-of.ts';
import { attempt } from '../attempt.ts';
import { callErrorOf, failure } from '../failures.ts';
import { currentRun } from '../run.ts';
import { stepId } from '../step-id.ts';
import { type Generated, generateAs } from '../steps/generate.ts';
import { stoppable } from '../stop-step.ts';
import { corrected, fixedHashes, fixedTokens, inEstimated, type Memory } from './context.ts';
import type { Incoming } from './inbox.ts';
import { summaryRule } from './summary.ts';
import { transcripts } from './transcripts.ts';

/** How often a window that a provider finds too long is halved before the turn fails. */
const HALVINGS = 3;

export interface Turn {
  memory: Memory;
  policy: Policy;
  context: ContextPolicy;
}

type Message = Pick<Incoming, 'id' | 'text'>;

/**
 * Answers one message.
 *
 *   message --> window of the transcript --> model --> message and answer into the transcript, both or none
 *
 * A turn that fails leaves nothing in the transcript: the message may be sent again, under an id of its own.
 * @throws ApplicationFailure with a `CallError`
 */
export async function takeTurn({ id, text }: Message, turn: Turn): Promise<{ answer: Answer; memory: Memory }> {
  const step = stepId('turn');
  const message = { id, text };
  const asked = stoppable(step, () => answerWithin(message, step, turn));
  const answered = await attempt(asked, step);
  if ('error' in answered) throw failure(answered.error);
  if (!('tokens' in answered)) return answered;

  const { reply, tokens, memory } = answered;
  const answer = answerOf(reply);
  const { place } = memory;
  const rule = await summaryRule({ ...turn, memory });
  const { id: transcript, due } = await transcripts.appendTurn({ place, message, answer, summary: rule });
  return {
    answer,
    memory: {
      ...memory,
      place: { ...place, id: transcript, length: place.length + 2 },
      ratios: corrected(memory, reply.model, tokens, reply.usage),
      summary: { ...memory.summary, due },
      turns: memory.turns + 1,
    },
  };
}

type Answered = { answer: Answer; memory: Memory } | { reply: Generated; tokens: number; memory: Memory };

async function answerWithin(message: Message, step: string, { memory: before, policy }: Turn): Promise<Answered> {
  let memory = before;
  for (let halved = 0; ; halved += 1) {
    const plan = await transcripts.planTurn(currentRun().ref, {
      place: memory.place,
      step,
      message,
      fixedTokens: fixedTokens(memory),
      limit: inEstimated(memory.maxTokens, memory, policy),
    });
    if ('answered' in plan) return { answer: plan.answered, memory };
    if ('tooLong' in plan) throw failure(tooLong(plan.tooLong, memory.maxTokens, step));
    const { id, length: to } = memory.place;
    memory = { ...memory, place: { ...memory.place, from: plan.from } };
    try {
      const reply = await generateAs(step, {
        // No other conversation asks with this transcript, so that a cache would only be written.
        policy: { ...policy, cache: false },
        transcript: { id, from: plan.from, to, system: fixedHashes(memory) },
        messages: [{ role: 'user', content: message.text }],
      });
      return { reply, tokens: plan.tokens, memory };
    } catch (thrown) {
      if (callErrorOf(thrown).type !== 'ContextTooLong' || halved >= HALVINGS) throw thrown;
      memory = { ...memory, maxTokens: Math.floor(memory.maxTokens / 2) };
    }
  }
}

function tooLong(tokens: number, maxTokens: number, step: string): CallError {
  return {
    type: 'ContextTooLong',
    message: `The message has, with what goes along each time, about ${tokens} tokens; a request may have ${maxTokens}`,
    hint: 'Send it in parts, or start a conversation with a larger context.window.maxTokens',
    path: 'text',
    step,
  };
}
