import { Context } from '@temporalio/activity';
import type {
  FinishedTurn,
  Message,
  NextTurn,
  RunRef,
  SummaryDue,
  TranscriptActivities,
  TurnPlan,
} from '../contract/index.ts';
import { estimateInput, redact } from '../providers/index.ts';
import { stepKey } from '../store/index.ts';
import type { Rooms } from './rooms.ts';
import { summaryDue, windowStart } from './transcript-window.ts';

/** What conversations do with their transcripts. */
export function createTranscriptActivities({ store, secrets }: Rooms): TranscriptActivities {
  const { transcripts, events } = store;
  return {
    async keepMessages(messages) {
      const kept = messages.map(sized);
      const hashes = await transcripts.keep(kept, Context.current().info.workflowExecution?.workflowId);
      return hashes.map((hash, index) => ({ hash, tokens: kept[index]!.tokens }));
    },

    async planTurn(run: RunRef, { place, step, message, fixedTokens, limit }: NextTurn): Promise<TurnPlan> {
      const answered = await transcripts.answerTo(place.id, place.length, message.id);
      if (answered) return { answered };
      const text = redact(message.text, secrets);
      await events.record(run, [
        { type: 'step.started', key: stepKey('step.started', step), step, message: { id: message.id, text } },
      ]);
      const needed = fixedTokens + sized({ role: 'user', content: text }).tokens;
      if (needed > limit) return { tooLong: needed };
      const lines = await transcripts.sizes(place.id, place.from, place.length);
      const start = windowStart(lines, limit - needed);
      const sent = lines.slice(start).reduce((sum, { tokens }) => sum + tokens, 0);
      return { from: place.from + start, tokens: needed + sent };
    },

    async appendTurn({ place, message, answer, summary }: FinishedTurn): Promise<{ id: string; due?: SummaryDue }> {
      const { text, ...how } = answer;
      const id = await transcripts.append(place.id, place.length, [
        { ...sized({ role: 'user', content: redact(message.text, secrets) }), key: message.id },
        { ...sized({ role: 'assistant', content: text }), answer: how },
      ]);
      if (!summary) return { id };
      const lines = await transcripts.sizes(id, summary.from, place.length + 2);
      return { id, due: summaryDue(lines, summary) };
    },
  };
}

/** A message with its size: estimated with its role and separators, as it counts in a request. */
export function sized(message: Message): { message: Message; tokens: number } {
  return { message, tokens: estimateInput({ messages: [message] }) };
}

/** The message without secrets of this process. */
export function redactedMessage({ role, content }: Message, secrets: string[]): Message {
  if (typeof content === 'string') return { role, content: redact(content, secrets) };
  return { role, content: JSON.parse(redact(JSON.stringify(content), secrets)) as Message['content'] };
}
