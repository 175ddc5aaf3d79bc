import { z } from 'zod';
import type { CallError } from './errors.ts';
import { later } from './later.ts';
import { suggestion } from './nearest-names.ts';

export const CollectionName = later(() =>
  z.string().regex(/^[\w.-]{1,100}$/, 'A collection is named by letters, digits and . _ -'),
);
export type CollectionName = z.infer<typeof CollectionName>;

/** Characters (UTF-16 units) of a document's text, from `start` up to, not with, `end`. */
export const Span = later(() =>
  z.object({ start: z.number().int().nonnegative(), end: z.number().int().nonnegative() }),
);
export type Span = z.infer<typeof Span>;

/** Lines from 1, both ends included. */
export const Lines = later(() => z.object({ from: z.number().int().positive(), to: z.number().int().positive() }));
export type Lines = z.infer<typeof Lines>;

/** Where a piece of text stands. Its span and lines count in the file itself where that is text, Markdown or CSV, else in
 *  the text that was read out of it. */
const place = {
  /** the file, address or name it was ingested by */
  source: z.string(),
  /** of a PDF, from 1 */
  page: z.number().int().positive().optional(),
  /** the headings it stands under, `Guide > Setup`; of a CSV, the names of its columns */
  heading: z.string().optional(),
  span: Span,
  lines: Lines,
};

/** A piece of a document, as it was found for a question. */
export const Passage = later(() =>
  z.object({
    ...place,
    id: z.number().int(),
    text: z.string(),
    /** of reciprocal rank fusion, 0..0.033: for order alone */
    score: z.number(),
  }),
);
export type Passage = z.infer<typeof Passage>;

/** The same without its words. */
export const FoundPassage = later(() => z.object({ ...place, score: z.number() }));
export type FoundPassage = z.infer<typeof FoundPassage>;

/** The words of a document that a statement rests on: they were found in it. */
export const Citation = later(() => z.object({ ...place, quote: z.string() }));
export type Citation = z.infer<typeof Citation>;

/** How passages are looked for: by their words, by what they mean, or by both. */
export const SearchMode = later(() => z.enum(['hybrid', 'text', 'vectors']));
export type SearchMode = z.infer<typeof SearchMode>;

/** A question to a collection. */
export const DocumentQuery = later(() =>
  z.strictObject({
    collection: CollectionName,
    query: z.string().min(1).max(20_000),
    /** passages at most, default 8 */
    limit: z.number().int().min(1).max(100).optional(),
    mode: SearchMode.optional(),
  }),
);
export type DocumentQuery = z.infer<typeof DocumentQuery>;

export const DEFAULT_PASSAGES = 8;

/** @param known names of those that are there */
export function noCollection(name: string, known: string[]): CallError {
  return {
    type: 'InvalidRequest',
    message: `There is no collection "${name}".${suggestion(name, known)}`,
    hint: `Make it with: cadenza run ingest --input '{"collection":"${name}","sources":["docs"]}'`,
    path: 'input.collection',
  };
}
