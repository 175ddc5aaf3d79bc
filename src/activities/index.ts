import { ApplicationFailure } from '@temporalio/activity';
import type { CadenzaActivities, NewEvent } from '../contract/index.ts';
import { ProviderError } from '../providers/index.ts';
import { createCallModel } from './call-model.ts';
import type { Rooms } from './rooms.ts';

export type { Rooms } from './rooms.ts';

/** The activities a worker registers. */
export function createActivities(rooms: Rooms): CadenzaActivities {
  return {
    callModel: createCallModel(rooms),

    async resolvePolicy(policy) {
      try {
        return rooms.providers.resolvePolicy(policy);
      } catch (thrown) {
        if (!(thrown instanceof ProviderError)) throw thrown;
        const { error } = thrown;
        throw ApplicationFailure.create({
          type: error.type,
          message: error.message,
          details: [error],
          nonRetryable: true,
        });
      }
    },

    async recordEvents(run, events) {
      await rooms.store.events.record(
        run,
        events.map(({ type, key, step, data }) => ({ type, key, step, ...data }) as NewEvent & { key: string }),
      );
    },
  };
}
