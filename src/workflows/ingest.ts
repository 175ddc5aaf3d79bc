import { proxyActivities } from '@temporalio/workflow';
import {
  durationMs,
  type IngestActivities,
  IngestInput,
  type IngestProgress,
  type IngestResult,
  type ModelRef,
  type RunOptions,
} from '../contract/index.ts';
import { continueRun } from './continue-run.ts';
import { resultOfActivity } from './failures.ts';
import { inputOf } from './input.ts';
import { localActivities } from './local-activities.ts';
import { currentRun, note } from './run.ts';
import { spentInAll } from './spending.ts';

/** Documents that one activity reads, and such activities of one history; each takes some 2 KB of it. */
const DOCUMENTS_A_SLICE = 16;
const SLICES_A_HISTORY = 64;
const DEFAULT_PATIENCE = '10 minutes';

/** Reading a large document may keep a worker from saying that it lives, ms. */
const HEARTBEAT_TIMEOUT_MS = 10_000;
/** Worked until the database is back; how long the model of the vectors is waited for, the activity knows. */
const RETRY = { initialInterval: 500, maximumInterval: 10_000, nonRetryableErrorTypes: ['InvalidRequest'] };

const reading = (summary: string) =>
  proxyActivities<IngestActivities>({
    summary,
    startToCloseTimeout: '7 days',
    heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
    retry: RETRY,
  });
const local = localActivities<IngestActivities>({ startToCloseTimeout: '10 minutes', retry: RETRY });

/** How far an ingest has come: what travels into its next history. */
interface Going {
  total: number;
  embeddings: ModelRef;
  /** the first document that was not worked on yet */
  next: number;
}

/**
 * Read documents into a collection that questions are answered from.
 *
 *   sources --> list --> documents 1-16, 17-32, ... --> take out what is gone --> counts
 *                              |
 *                              +--> unchanged? skip
 *                              +--> read --> chunks --> vectors, in batches --> seen, in the place of the one before
 *
 * Numbers pass through here, never texts. A document that cannot be read does not fail the others.
 */
export async function ingest(input: IngestInput, options?: RunOptions, before?: Going): Promise<IngestResult> {
  const given = before ? input : inputOf(IngestInput, input);
  const { ref } = currentRun();
  const { total, embeddings, next } = before ?? (await begin(given));
  const patienceMs = durationMs(given.patience ?? DEFAULT_PATIENCE);

  for (let from = next, slices = 0; from <= total; from += DOCUMENTS_A_SLICE, slices += 1) {
    if (slices === SLICES_A_HISTORY) return continueRun(given, options, { total, embeddings, next: from });
    const to = Math.min(total, from + DOCUMENTS_A_SLICE - 1);
    const { ingestDocuments } = reading(`documents ${from}–${to} of ${total} · ${given.collection}`);
    const progress = ingestDocuments(ref, { from, to, embeddings, patienceMs });
    noteProgress(await resultOfActivity(progress), embeddings);
  }
  const result = await local.closeIngest(ref);
  note(`${result.documents} documents read, ${result.skipped} as they were, ${result.removed} taken out`);
  return result;
}

async function begin(input: IngestInput): Promise<Going> {
  const { openIngest } = reading(`list documents · ${input.collection}`);
  return { ...(await resultOfActivity(openIngest(currentRun().ref, input))), next: 1 };
}

function noteProgress({ done, skipped, failed, total, chunks, costUsd }: IngestProgress, embeddings: ModelRef): void {
  spentInAll(costUsd ?? 0, done > 0 ? [embeddings] : []);
  note(`${done + skipped + failed} of ${total} documents, ${failed} failed, ${chunks} chunks`);
}
