import type { ContextPolicy, Policy, SummaryRule } from '../../contract/index.ts';
import { attempt } from '../attempt.ts';
import { note, policyOf } from '../run.ts';
import { generate } from '../steps/generate.ts';
import { inEstimated, type Memory } from './context.ts';
import { transcripts } from './transcripts.ts';

/** Share of the window a summary may fill. */
const SHARE = 0.25;
/** Estimated tokens of the words around a summary, and of the request for it. */
const WORDING = 220;

export interface Summarising {
  memory: Memory;
  policy: Policy;
  context: ContextPolicy;
}

/** Which lines are due for a summary, and when; nothing where none is wanted, or one failed a moment ago. */
export async function summaryRule({ memory, policy, context }: Summarising): Promise<SummaryRule | undefined> {
  const { summary } = context;
  if (!summary || memory.turns < (memory.summary.notBefore ?? 0)) return undefined;
  const writer = summary.policy === undefined ? policy : await policyOf(summary.policy);
  const whenOver = Math.min(summary.whenOverTokens, Math.floor(memory.maxTokens * (1 - SHARE)));
  const room = inEstimated(memory.maxTokens, memory, writer) - (memory.summary.kept?.tokens ?? 0) - WORDING;
  return {
    from: memory.summary.to,
    whenOverTokens: inEstimated(whenOver, memory, policy),
    keepTurns: summary.keepTurns,
    room,
  };
}

/**
 * Makes older turns part of the summary, if they are due.
 *
 *   summary so far + oldest turns --> model --> summary --> (those turns are sent no more)
 *
 * A summary that fails costs the conversation nothing: its turns stay in the window, as far as they fit.
 */
export async function summarised({ memory, policy, context }: Summarising): Promise<Memory> {
  const { place, summary, maxTokens } = memory;
  const { due, ...before } = summary;
  if (!due) return memory;
  const upTo = { place: { ...place, from: Math.max(place.from, due.to) }, to: due.to };
  if (due.tooLong) {
    note(`summary: line ${summary.to} is too long for one, and left out`);
    return { ...memory, place: upTo.place, summary: { ...before, to: due.to } };
  }
  const writer = await policyOf(context.summary!.policy ?? policy);
  const maxOutputTokens = writer.maxOutputTokens ?? Math.floor(maxTokens * SHARE);
  const written = await attempt(
    generate({
      step: 'summary',
      policy: { ...writer, maxOutputTokens, cache: false },
      transcript: { id: place.id, from: summary.to, to: due.to, system: before.kept ? [before.kept.hash] : [] },
      system: INSTRUCTION,
      prompt: promptFor(Math.floor(maxOutputTokens / 2), before.kept !== undefined),
    }),
    'summary',
  );
  if ('error' in written || written.text.trim() === '') {
    return { ...memory, summary: { ...before, notBefore: memory.turns + context.summary!.keepTurns } };
  }
  const text = `Summary of the conversation before the messages that follow:\n${written.text.trim()}`;
  const [kept] = await transcripts.keepMessages([{ role: 'system', content: text }]);
  return { ...memory, place: upTo.place, summary: { kept, to: due.to } };
}

const INSTRUCTION =
  'You keep the memory of a conversation between a user and an assistant. You do not take part in it: you write down what ' +
  'somebody must know who goes on with it and cannot read it: names, numbers, dates, decisions, wishes, promises, open ' +
  'questions. You invent nothing.';

function promptFor(words: number, hasOlder: boolean): string {
  const older = hasOlder ? ' Begin with what of the summary above still matters, and give up nothing that does.' : '';
  return `Write a summary of the conversation so far, in at most ${words} words, and nothing else.${older}`;
}
