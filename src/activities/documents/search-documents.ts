import { Context } from '@temporalio/activity';
import { isOutage, type SearchActivities } from '../../contract/index.ts';
import { ProviderError } from '../../providers/index.ts';
import { failureOf } from '../failure.ts';
import { heartbeat } from '../heartbeat.ts';
import type { Rooms } from '../rooms.ts';
import { createFindPassages } from './find-passages.ts';

/** Wait before an embedding is asked for again, ms, for each attempt. */
const BACKOFF_MS = 1_000;

/** Looks for passages, for a workflow. */
export function createSearchDocuments(rooms: Rooms): SearchActivities['searchDocuments'] {
  const findPassages = createFindPassages(rooms);
  return async (run, step, query) => {
    const { cancellationSignal: signal, info } = Context.current();
    const stopHeartbeat = heartbeat();
    try {
      return await findPassages({ run, step, query, signal });
    } catch (thrown) {
      if (signal.aborted || !(thrown instanceof ProviderError)) throw thrown;
      const { error } = thrown;
      throw failureOf(
        error,
        isOutage(error.type) ? { delayMs: error.retryAfterMs ?? BACKOFF_MS * info.attempt } : 'final',
      );
    } finally {
      stopHeartbeat();
    }
  };
}
