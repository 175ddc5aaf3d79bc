import { ActivityCancellationType } from '@temporalio/workflow';
import { DocumentQuery, invalidRequest, oneLine, type Passage, type SearchActivities } from '../../contract/index.ts';
import { failure, resultOfActivity } from '../failures.ts';
import { host } from '../host.ts';
import { currentRun, note } from '../run.ts';
import { spent } from '../spending.ts';
import { stepId } from '../step-id.ts';

export type RetrieveRequest = DocumentQuery & { step?: string };

/** A worker that has not been heard of for so long is dead, ms. */
const HEARTBEAT_TIMEOUT_MS = 8_000;
/** Attempts through an outage of the embeddings model; each waits a second longer than the one before. */
const ATTEMPTS = 10;

/**
 * Look for passages of a collection: by their words and by what they mean, in one ranking.
 * @returns passages, nearest first; none of an empty collection
 * @throws InvalidRequest where the run's tenant has no such collection
 */
export async function retrieve({ step = 'retrieve', ...query }: RetrieveRequest): Promise<Passage[]> {
  const id = stepId(step);
  const { ref } = currentRun();
  const parsed = DocumentQuery.safeParse(query);
  if (!parsed.success) throw failure({ ...invalidRequest(parsed.error, 'query'), step: id });
  const { searchDocuments } = host().proxyActivities<SearchActivities>({
    summary: `“${oneLine(query.query, 80)}” · ${query.collection}`,
    startToCloseTimeout: '10 minutes',
    heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: 500, maximumInterval: 10_000, maximumAttempts: ATTEMPTS },
  });
  const { passages, embeddings, costUsd } = await resultOfActivity(searchDocuments(ref, id, parsed.data), id);
  if (costUsd) spent({ model: embeddings, costUsd });
  const sources = new Set(passages.map(({ source }) => source));
  note(`${id}: ${passages.length} passages of ${sources.size} documents`);
  return passages;
}
