import type { Answer, MergedAnswer, PolicyRef, Source } from '../../contract/index.ts';
import { answerOf } from '../answer-of.ts';
import { note } from '../run.ts';
import { generate } from './generate.ts';
import { letterOf } from './letters.ts';

export interface MergeRequest {
  step?: string;
  /** what was asked */
  question: string;
  /** their numbers among the sources are their places in the list, from 1, unless they bring their own */
  answers: (Pick<Answer, 'text' | 'model'> & { answer?: number })[];
  /** policy or model that writes the one answer */
  policy: PolicyRef;
  /** what else the writer should know of the answers: how they were ranked, who did not answer */
  notes?: string[];
}

/**
 * Make one answer of several, and say what came from whom: what they agree on, the best of each, and where they
 * contradict each other.
 *
 *   [A] answer, [B] answer, ... --> writer --> "... [A, B] ... [B]" + Sources: [A] model, [B] model
 */
export async function merge(request: MergeRequest): Promise<MergedAnswer> {
  const { step = 'merge', question, answers, policy, notes = [] } = request;
  const reply = await generate({
    step,
    policy,
    system:
      'You are given several answers to one question. Write the one answer that is best: keep what they agree on and what ' +
      'is right in each, say where they contradict each other, and add nothing that none of them supports. After each ' +
      'statement name the answers it comes from by their letters, as [A] or [A, C].',
    prompt: [
      `Question: ${question}`,
      ...answers.map(({ text, model }, index) => `[${letterOf(index)}] Answer of ${model}:\n${text}`),
      ...notes,
    ].join('\n\n'),
  });
  const sources = sourcesOf(reply.text, answers);
  note(`${step}: ${sources.map(({ model, mentions }) => `${model} named ${mentions} times`).join(', ')}`);
  return { ...answerOf(reply), text: withSources(reply.text, sources), sources };
}

/** Brackets that hold letters and nothing else: `[A]`, `[A, C]`. */
const NAMED = /\[((?:[A-Z]\d?)(?:\s*[,;&]\s*[A-Z]\d?)*)\]/g;

/** How often a text names each of the answers. */
export function sourcesOf(text: string, answers: { model: string; answer?: number }[]): Source[] {
  const named = [...text.matchAll(NAMED)].flatMap(([, letters]) => [...new Set(letters!.split(/\s*[,;&]\s*/))]);
  return answers.map(({ model, answer }, index) => {
    const letter = letterOf(index);
    return { letter, answer: answer ?? index + 1, model, mentions: named.filter((one) => one === letter).length };
  });
}

/** The text, and whom its letters mean; unchanged where it names nobody. */
function withSources(text: string, sources: Source[]): string {
  const named = sources.filter(({ mentions }) => mentions > 0);
  if (named.length === 0) return text;
  return `${text.trimEnd()}\n\nSources: ${named.map(({ letter, model }) => `[${letter}] ${model}`).join(', ')}`;
}
