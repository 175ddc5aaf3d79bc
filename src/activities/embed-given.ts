import { Context } from '@temporalio/activity';
import {
  DEFAULT_MAX_ATTEMPTS,
  DEFAULT_MAX_RETRY_AFTER_MS,
  type EmbedActivities,
  repeatAfter,
} from '../contract/index.ts';
import { EmbedFailed, embedPaid, packed } from './embed-paid.ts';
import { failureOf } from './failure.ts';
import { heartbeat } from './heartbeat.ts';
import type { Rooms } from './rooms.ts';

/** The activity of `embed`: one call, made again where time heals what it failed of. */
export function createEmbedGiven(rooms: Rooms): EmbedActivities {
  return {
    async embedTexts(run, step, { texts, model = rooms.config.documents.embeddings }) {
      const { cancellationSignal: signal } = Context.current();
      const limits = { maxAttempts: DEFAULT_MAX_ATTEMPTS, maxRetryAfterMs: DEFAULT_MAX_RETRY_AFTER_MS };
      const stopHeartbeat = heartbeat();
      try {
        const { vectors, usage, costUsd } = await embedPaid(rooms, {
          ...{ run, step, model, texts, signal },
          isPart: true,
          next(error, { failures, midStreamFailures }) {
            const delayMs = repeatAfter({ error, failures, midStreamFailures, now: Date.now() }, limits);
            return delayMs === undefined ? 'final' : { delayMs };
          },
        });
        return { model, ...packed(vectors), usage, costUsd };
      } catch (thrown) {
        signal.throwIfAborted();
        throw thrown instanceof EmbedFailed ? failureOf(thrown.error, thrown.next) : thrown;
      } finally {
        stopHeartbeat();
      }
    },
  };
}
