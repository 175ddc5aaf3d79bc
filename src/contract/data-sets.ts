import { z } from 'zod';
import { later } from './later.ts';

export const DataSetId = later(() =>
  z.string().regex(/^data-[\w.:@~-]{1,200}$/, 'A data set is named as its upload was answered: data-…'),
);
export type DataSetId = z.infer<typeof DataSetId>;

/** How a file gives its rows: a line of JSON each, or comma-separated values under a line of names. */
export const DataFormat = later(() => z.enum(['jsonl', 'csv']));
export type DataFormat = z.infer<typeof DataFormat>;

/** Rows kept in the store, numbered from 1. Equal data is kept once: uploaded again, it has the same id. */
export const DataSet = later(() =>
  z.object({
    id: DataSetId,
    /** rows in it */
    count: z.number().int().positive(),
    /** the fields any row has; left out where rows are not all objects, or have very many */
    fields: z.array(z.string()).optional(),
  }),
);
export type DataSet = z.infer<typeof DataSet>;

/** Beyond so many different fields nobody names them all. */
const MOST_FIELDS = 500;

/** Gathers the fields of rows as they come by. @returns undefined once they cannot be told */
export function gatherFields(known: string[] | undefined, item: unknown): string[] | undefined {
  if (known === undefined || typeof item !== 'object' || item === null || Array.isArray(item)) return undefined;
  const more = Object.keys(item).filter((field) => !known.includes(field));
  if (more.length === 0) return known;
  return known.length + more.length > MOST_FIELDS ? undefined : [...known, ...more];
}
