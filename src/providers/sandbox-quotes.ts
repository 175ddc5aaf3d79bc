import { cosine, type ModelRequest, textOf } from '../contract/index.ts';
import { wordEmbeddings } from './sandbox-embeddings.ts';

/** A sentence less like the question says nothing to it: cosine of their words. */
const LEAST_SIMILARITY = 0.25;

/**
 * What a simulated model says to a question over passages (see `answer`): the sentence that shares most words with it,
 * quoted; found is false where none does. Undefined for other requests.
 */
export function quotingAnswer({ schema, messages }: ModelRequest, label: string): object | undefined {
  const asks = Object.keys((schema?.properties ?? {}) as object);
  if (!['found', 'answer', 'quotes'].every((field) => asks.includes(field))) return undefined;
  const prompt = messages.map(textOf).find((text) => text.includes('<passage '));
  const question = /\n\nQuestion: ([\s\S]*)$/.exec(prompt ?? '')?.[1];
  if (prompt === undefined || question === undefined) return undefined;
  const sentences = [...prompt.matchAll(/<passage number="(\d+)".*>\n([\s\S]*?)\n<\/passage>/g)].flatMap(
    ([, passage, text]) => sentencesOf(text!).map((quote) => ({ passage: Number(passage), quote })),
  );
  const texts = [question, ...sentences.map(({ quote }) => quote)];
  const [asked, ...vectors] = wordEmbeddings({ model: 'words', texts, signal: new AbortController().signal }).vectors;
  const [best] = sentences
    .map((sentence, index) => ({ ...sentence, similarity: cosine(asked!, vectors[index]!) }))
    .sort((a, b) => b.similarity - a.similarity);
  if (!best || best.similarity < LEAST_SIMILARITY) return { found: false, answer: '', quotes: [] };
  const { passage, quote } = best;
  return { found: true, answer: `[${label}] The documents say: “${quote}” [${passage}]`, quotes: [{ passage, quote }] };
}

/** Headings are no answers. */
function sentencesOf(text: string): string[] {
  return text
    .split(/(?<=[.!?])\s+|\n\s*\n|\n(?=[#|*-])/)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence !== '' && !sentence.startsWith('#'));
}
