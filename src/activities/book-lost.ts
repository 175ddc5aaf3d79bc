import { Context } from '@temporalio/activity';
import type { CadenzaActivities, ModelRef, ModelRequest, RunRef } from '../contract/index.ts';
import { estimateUsage, priceOf } from '../providers/index.ts';
import type { OpenCall } from '../store/index.ts';
import { awaitStore } from './await-store.ts';
import { callKey, hashOfRequest } from './call-key.ts';
import type { Rooms } from './rooms.ts';
import { wholeRequest } from './whole-request.ts';

/** A call as the journal knows it. */
export interface CallPlace {
  key: string;
  run: RunRef;
  step: string;
  model: ModelRef;
}

/** Books what attempts of a call went through that were lost with their workers. @param request what they asked, whole */
export async function bookAttempts(
  { store, config, metrics }: Pick<Rooms, 'store' | 'config' | 'metrics'>,
  place: CallPlace,
  lost: OpenCall['lost'],
  request: () => Promise<ModelRequest>,
  signal: AbortSignal,
): Promise<void> {
  if (lost.length === 0) return;
  metrics?.attemptsLost(place.model, lost.length);
  const whole = await request();
  for (const { epoch, streamed } of lost) {
    const usage = estimateUsage(whole, streamed);
    const costUsd = priceOf(place.model, usage, config.prices);
    await awaitStore(signal, () => store.journal.book({ ...place, epoch }, { usage, costUsd, estimated: true }));
  }
}

/** The same for a call that is not made again: the next attempt would book what the one before had streamed. */
export function createBookLost(rooms: Rooms): CadenzaActivities['bookLost'] {
  const { store } = rooms;
  return async (calls, request) => {
    const signal = Context.current().cancellationSignal;
    for (const call of calls) {
      const { run, step, model } = call;
      const place = { key: callKey(call, hashOfRequest(request)), run, step, model };
      const lost = await awaitStore(signal, () => store.journal.lost(place));
      const whole = async () => (await awaitStore(signal, () => wholeRequest(store, request))).request;
      await bookAttempts(rooms, place, lost, whole, signal);
    }
  };
}
