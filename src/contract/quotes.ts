import type { Span } from './documents.ts';

/** Marks that stand around words in Markdown, and characters nobody sees: a quote may lack them. */
const UNSEEN = /[*_`\u00AD\u200B-\u200D\u2060\uFEFF]/;
const SAME: Record<string, string> = {
  ...{ '‘': "'", '’': "'", '‚': "'", '“': '"', '”': '"', '„': '"', '«': '"', '»': '"' },
  ...{ '‐': '-', '‑': '-', '–': '-', '—': '-', '−': '-' },
};
/** What quotes are put into, and where they are broken off. */
const AROUND = /^[\s"']+|[\s"']+$/g;
const BROKEN_OFF = /^[\s"'.…]+|[\s"'.,;:…]+$/g;
/** A shorter quote says nothing, letters and digits. */
const SHORTEST = 2;

/**
 * Where a text says what is quoted of it: word for word, but for case, spaces and line breaks, the shape of quotation marks
 * and dashes, and Markdown's emphasis.
 * @returns undefined where it does not say so
 */
export function findQuote(text: string, quote: string): Span | undefined {
  const { words, at } = plain(text);
  for (const around of [AROUND, BROKEN_OFF]) {
    const wanted = plain(quote).words.replace(around, '');
    if (wanted.replace(/[^\p{L}\p{N}]/gu, '').length < SHORTEST) return undefined;
    const found = words.indexOf(wanted);
    if (found !== -1) return { start: at[found]!, end: at[found + wanted.length - 1]! + 1 };
  }
  return undefined;
}

/** A text without what may differ, and where each of its characters stands. */
function plain(text: string): { words: string; at: number[] } {
  let words = '';
  const at: number[] = [];
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index]!;
    if (UNSEEN.test(character)) continue;
    const isSpace = /\s/.test(character);
    if (isSpace && (words === '' || words.endsWith(' '))) continue;
    const lower = character.toLowerCase();
    words += isSpace ? ' ' : (SAME[character] ?? (lower.length === 1 ? lower : character));
    at.push(index);
  }
  return { words, at };
}
