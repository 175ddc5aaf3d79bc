import { type ModelRef, providerOf, type RunRef } from '../contract/index.ts';
import { embedHash, embedPaid, type TextVectors, unpacked } from './embed-paid.ts';
import type { Rooms } from './rooms.ts';

/** Texts, and who asks for them. */
export interface EmbedTexts {
  run: RunRef;
  step: string;
  model: ModelRef;
  texts: string[];
  /** seconds the store keeps the vectors for equal texts of the same tenant */
  ttlSeconds: number;
  signal: AbortSignal;
}

/** Batches of texts whose vectors this process keeps. */
const KEPT = 200;

/**
 * Vectors of texts, paid once: from this process, else from the store, else by a call that is in the journal, the events
 * and the bill as every call is. The sandbox's cost nothing, and are made here.
 */
export function createEmbedTexts(rooms: Rooms): (request: EmbedTexts) => Promise<TextVectors> {
  const kept = new Map<string, Promise<TextVectors>>();
  return async (request) => {
    const { run, model, texts } = request;
    if (providerOf(model) === 'sandbox') return embedPaid(rooms, request);
    const hash = embedHash(model, texts);
    const key = `${run.tenant ?? ''}\n${hash}`;
    const found = kept.get(key);
    if (found) return { ...(await found), costUsd: 0 };
    const embedded = paidOnce(rooms, request, hash);
    kept.set(key, embedded);
    if (kept.size > KEPT) kept.delete(kept.keys().next().value!);
    embedded.catch(() => kept.delete(key));
    return embedded;
  };
}

async function paidOnce(rooms: Rooms, request: EmbedTexts, requestHash: string): Promise<TextVectors> {
  const { run, model, ttlSeconds } = request;
  const cached = await rooms.store.cache.find({ tenant: run.tenant ?? '', requestHash, models: [model] });
  if (cached) return { vectors: unpacked(cached), costUsd: 0 };
  return embedPaid(rooms, { ...request, cache: { requestHash, ttlSeconds } });
}
