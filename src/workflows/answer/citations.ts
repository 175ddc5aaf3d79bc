import { z } from 'zod';
import { type Citation, findQuote, type Passage } from '../../contract/index.ts';
import { later } from '../../contract/later.ts';

/** What a model says to a question over passages. Numbers are those of the passages it was given, from 1. */
export const CitedAnswer = later(() =>
  z.object({
    found: z.boolean().describe('whether the passages answer the question'),
    answer: z.string().describe('the answer, each statement followed by the numbers of its passages, as [1] or [1, 3]'),
    quotes: z.array(
      z.object({
        passage: z.number().int().describe('the number of the passage'),
        quote: z.string().describe('words of the passage that say so, copied exactly'),
      }),
    ),
  }),
);
export type CitedAnswer = z.infer<typeof CitedAnswer>;

/** An answer as its passages bear it out. */
export interface CheckedAnswer {
  /** `[1]` is the first of the citations */
  text: string;
  citations: Citation[];
  /** what they do not bear out, for the model to mend */
  problems: string[];
}

/** Brackets with numbers and nothing else: `[1]`, `[1, 3]`. */
const MARKS = /[ \t]*\[(\d+(?:\s*[,;]\s*\d+)*)\]/g;

/**
 * Looks for each quote in its passage, or else in the others, and numbers those that are there in the order the text names
 * them. Marks of passages without a quote that holds are taken out of the text.
 */
export function checkedCitations({ found, answer, quotes }: CitedAnswer, passages: Passage[]): CheckedAnswer {
  if (!found) return { text: answer, citations: [], problems: [] };
  const problems: string[] = [];
  const held = new Map<number, Citation[]>();
  for (const { passage: number, quote } of quotes) {
    const citation = citationOf(number, quote, passages);
    if (citation) held.set(number, [...(held.get(number) ?? []), citation]);
    else problems.push(`"${quote}" is not in passage ${number}`);
  }
  const named = [...answer.matchAll(MARKS)].flatMap(([, numbers]) => numbersIn(numbers!));
  for (const number of new Set(named)) {
    if (!quotes.some(({ passage }) => passage === number)) problems.push(`[${number}] has no quote`);
  }
  if (quotes.length === 0 && named.length === 0) problems.push('The answer names no passage and quotes none');

  const order = [...new Set(named.length > 0 ? named : held.keys())];
  const citations: Citation[] = [];
  const numbersOf = new Map<number, number[]>();
  for (const number of order) {
    const mine = (held.get(number) ?? []).map((citation) => placeOf(citation, citations));
    if (mine.length > 0) numbersOf.set(number, [...new Set(mine)]);
  }
  const marks = (numbers: number[]) => (numbers.length === 0 ? '' : ` [${[...new Set(numbers)].join(', ')}]`);
  const text = answer.replace(MARKS, (_, numbers: string) =>
    marks(numbersIn(numbers).flatMap((number) => numbersOf.get(number) ?? [])),
  );
  const unmarked = named.length === 0 ? marks([...numbersOf.values()].flat()) : '';
  return { text: `${text}${unmarked}`.trim(), citations, problems };
}

/** The number of a citation in the list, from 1; the same words are cited once. */
function placeOf(citation: Citation, citations: Citation[]): number {
  const known = citations.findIndex(
    ({ source, span }) =>
      source === citation.source && span.start === citation.span.start && span.end === citation.span.end,
  );
  return known === -1 ? citations.push(citation) : known + 1;
}

/** Models miscount passages more often than they make up words: the words decide. */
function citationOf(number: number, quote: string, passages: Passage[]): Citation | undefined {
  const meant = passages[number - 1];
  for (const passage of meant ? [meant, ...passages] : passages) {
    const found = findQuote(passage.text, quote);
    if (!found) continue;
    const { id: _, score: __, text, ...place } = passage;
    const words = text.slice(found.start, found.end);
    const from = place.lines.from + linesIn(text.slice(0, found.start));
    return {
      ...place,
      span: { start: place.span.start + found.start, end: place.span.start + found.end },
      lines: { from, to: from + linesIn(words) },
      quote: words,
    };
  }
  return undefined;
}

function linesIn(text: string): number {
  return text.split('\n').length - 1;
}

function numbersIn(marks: string): number[] {
  return marks.split(/\s*[,;]\s*/).map(Number);
}
