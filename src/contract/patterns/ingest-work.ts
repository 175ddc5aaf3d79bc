import type { RunRef } from '../calls.ts';
import type { DocumentQuery, Passage } from '../documents.ts';
import type { IngestProgress } from '../events.ts';
import type { ModelRef } from '../models.ts';
import type { IngestInput, IngestResult } from './ingest.ts';

export interface IngestSlice {
  from: number;
  to: number;
  embeddings: ModelRef;
  /** ms an outage is waited for */
  patienceMs: number;
}

/** The activities of `ingest`. Documents are worked on by their numbers, 1, 2, 3, ...: what they say stays in the store. */
export interface IngestActivities {
  /** Lists the documents of all sources. @returns how many. @throws InvalidRequest where none can be reached at all */
  openIngest(run: RunRef, input: IngestInput): Promise<{ total: number; embeddings: ModelRef }>;
  /** Reads, cuts and embeds documents, both ends included, unless they are there as they are. */
  ingestDocuments(run: RunRef, slice: IngestSlice): Promise<IngestProgress>;
  /** Takes documents out that are gone. */
  closeIngest(run: RunRef): Promise<IngestResult>;
}

/** The activity of `retrieve`. */
export interface SearchActivities {
  /** Passages of a collection, nearest first. `costUsd`: of the question's embedding.
   *  @throws InvalidRequest where the tenant has no such collection */
  searchDocuments(
    run: RunRef,
    step: string,
    query: DocumentQuery,
  ): Promise<{ passages: Passage[]; embeddings: ModelRef; costUsd: number | null }>;
}
