import { Context } from '@temporalio/activity';
import type {
  FinishedTurn,
  Message,
  ModelRequest,
  NextTurn,
  RunRef,
  SummaryDue,
  TranscriptActivities,
  TurnPlan,
} from '../contract/index.ts';
import { textOf } from '../contract/index.ts';
import { estimateInput, redact } from '../providers/index.ts';
import { type Store, stepKey } from '../store/index.ts';
import type { Rooms } from './rooms.ts';
import { summaryDue, windowStart } from './transcript-window.ts';

/** What conversations do with their transcripts. */
export function createTranscriptActivities({ store, secrets }: Rooms): TranscriptActivities {
  const { transcripts, events } = store;
  /** Estimated with its role and separators, as it counts in a request. */
  const sized = (message: Message) => ({ message, tokens: estimateInput({ messages: [message] }) });

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

/** A request with the lines it names by reference: what a provider gets. */
export async function wholeRequest({ transcripts }: Store, request: ModelRequest): Promise<ModelRequest> {
  const { transcript, ...rest } = request;
  if (!transcript) return request;
  const [lines, kept] = await Promise.all([
    transcripts.read(transcript.id, transcript.from, transcript.to),
    transcripts.messages(transcript.system),
  ]);
  const system = [...kept.map(textOf), ...(rest.system === undefined ? [] : [rest.system])].join('\n\n');
  return { ...rest, messages: [...lines, ...rest.messages], ...(system === '' ? {} : { system }) };
}
