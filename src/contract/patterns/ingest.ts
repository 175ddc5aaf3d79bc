import { z } from 'zod';
import { CollectionName } from '../documents.ts';
import { CallError } from '../errors.ts';
import { later } from '../later.ts';
import { ModelRef } from '../models.ts';
import { Duration } from '../policy.ts';

/** Sizes of a chunk, where an ingest does not say: estimated tokens. */
export const DEFAULT_CHUNK_TOKENS = 320;
export const DEFAULT_OVERLAP_TOKENS = 40;

/** Texts that stand in the input itself, by the name citations show. */
const InlineText = later(() =>
  z.strictObject({
    name: z.string().min(1).max(500),
    text: z.string(),
    type: z.enum(['text', 'markdown', 'html', 'csv']).optional(),
  }),
);

export const IngestInput = later(() =>
  z
    .strictObject({
      collection: CollectionName,
      /** files, folders (with all that is in them) and `http(s)` addresses, as the worker reaches them; or texts */
      sources: z
        .array(z.union([z.string().min(1).max(2_000), InlineText]))
        .min(1, 'Name at least one source')
        .max(1_000),
      /** model of the vectors, fixed once a collection has documents; default: `documents.embeddings` of the config */
      embeddings: ModelRef.optional(),
      /** estimated tokens of a chunk, and how many of them it shares with the one before */
      chunkTokens: z.number().int().min(50).max(2_000).optional(),
      overlapTokens: z.number().int().min(0).max(500).optional(),
      /** how long an outage of the embeddings model is waited for, default 10 minutes */
      patience: Duration.optional(),
    })
    .refine(({ chunkTokens = DEFAULT_CHUNK_TOKENS, overlapTokens = 0 }) => overlapTokens * 2 <= chunkTokens, {
      message: 'Chunks share at most half of themselves',
      path: ['overlapTokens'],
    }),
);
export type IngestInput = z.infer<typeof IngestInput>;
export type IngestSource = IngestInput['sources'][number];

/** Failed documents a result lists; the others are in its events. */
export const MOST_FAILURES_LISTED = 100;

export const IngestResult = later(() =>
  z.object({
    /** read and embedded now */
    documents: z.number().int(),
    /** pieces of these */
    chunks: z.number().int(),
    /** as they were before */
    skipped: z.number().int(),
    /** taken out of the collection: they are no longer in a folder that was named */
    removed: z.number().int(),
    /** could not be read; what the collection had of them before is still there. At most 100 of them */
    failed: z.array(z.object({ source: z.string(), error: CallError })),
  }),
);
export type IngestResult = z.infer<typeof IngestResult>;
