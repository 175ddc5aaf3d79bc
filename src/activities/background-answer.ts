import type { ModelCall } from '../contract/index.ts';
import type { Attempt } from '../store/index.ts';
import { awaitStore } from './await-store.ts';
import type { Rooms } from './rooms.ts';

/** How long a provider is asked to end an answer, ms; after that a worker does it beside its work. */
const CANCELLED_WITHIN_MS = 5_000;

/**
 * The answer to a call that its provider goes on with when nobody listens. Its id is in the store before the first word
 * is passed on, and whoever makes the next attempt of the call listens to the same answer, from its first word on.
 */
export interface BackgroundAnswer {
  /** the provider's id, where it goes on with one */
  id(): string | undefined;
  /** The provider goes on with it under this id, or (undefined) does not any more. */
  isKept(id: string | undefined): Promise<void>;
  /** The answer is the call's. */
  forget(): Promise<void>;
  /** Nobody wants the answer: the provider ends it. */
  cancel(): Promise<void>;
}

/** @returns undefined where the policy does not want it, or the provider cannot
 *  @param onGone called where the answer of an earlier attempt is not there any more */
export async function backgroundAnswer(
  { store, providers, log }: Rooms,
  call: Pick<ModelCall, 'background' | 'model'>,
  attempt: Attempt,
  { signal, onGone }: { signal: AbortSignal; onGone(): Promise<void> },
): Promise<BackgroundAnswer | undefined> {
  const wire = call.background ? providers.find(call.model)?.background : undefined;
  if (!wire) return undefined;
  const { key } = attempt;
  let id = await awaitStore(signal, () => store.background.find(key));
  let isEarlier = id !== undefined;

  async function forget(): Promise<void> {
    if (id !== undefined) await store.background.forget(key);
    id = undefined;
  }

  return {
    id: () => id,
    async isKept(given) {
      if (given === undefined) {
        await forget();
        if (isEarlier) await onGone();
        isEarlier = false;
        return;
      }
      id = given;
      await store.background.keep(attempt, given);
    },
    forget,
    async cancel() {
      if (id === undefined) return;
      try {
        await wire.cancel(id, AbortSignal.timeout(CANCELLED_WITHIN_MS));
        await forget();
      } catch (error) {
        log.warn(
          { error: String(error), run: attempt.run.id },
          'An answer in the background was not ended; it is tried again',
        );
      }
    },
  };
}
