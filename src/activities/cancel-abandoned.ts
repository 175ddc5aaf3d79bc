import type { Rooms } from './rooms.ts';

/** A call that ends has so long to end its answer itself, ms. */
const ABANDONED_AFTER_MS = 60_000;
/** How long a provider may take to end one, ms. */
const CANCELLED_WITHIN_MS = 30_000;
/** By then no provider has it any more, ms: OpenAI keeps one for about ten minutes
 *  (https://developers.openai.com/api/docs/guides/background). */
const GONE_AFTER_MS = 3_600_000;

/** Ends answers that providers go on with in the background, and that no call waits for. @returns does it now */
export function createCancelAbandoned({ store, providers, log }: Rooms): (signal: AbortSignal) => Promise<void> {
  return async (signal) => {
    const abandoned = await store.background.abandoned(ABANDONED_AFTER_MS);
    await Promise.all(
      abandoned.map(async ({ mark, model, id, ageMs }) => {
        const provider = providers.open(model);
        try {
          await provider.background?.cancel(id, AbortSignal.any([signal, AbortSignal.timeout(CANCELLED_WITHIN_MS)]));
        } catch (error) {
          const { type, message } = provider.asCallError(error, model);
          const isOver = type === 'InvalidRequest' || type === 'ModelNotFound' || ageMs > GONE_AFTER_MS;
          if (!isOver)
            return log.warn({ error: message, model }, 'An answer in the background was not ended; it is tried again');
        }
        await store.background.forgetAbandoned(mark);
      }),
    );
  };
}
