import { type CallError, type ModelRef, type ModelReply, providerOf, type RunRef } from '../contract/index.ts';
import { embed, ProviderError, priceOf } from '../providers/index.ts';
import { sha256 } from './call-key.ts';
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

/** Vectors in the order of the texts, and what they cost now (USD): 0 if they were there already. */
export interface TextVectors {
  vectors: number[][];
  costUsd: number | null;
}

/** Batches of texts whose vectors this process keeps. */
const KEPT = 200;
/** A router's text is short, and its examples are not made anew; so a token estimate is near enough for a reservation. */
const CHARACTERS_A_TOKEN = 3;

/**
 * Vectors of texts, paid once: from this process, else from the store, else by a call that is in the journal, the events
 * and the bill as every call is. The sandbox's cost nothing, and are made here.
 */
export function createEmbedTexts(rooms: Rooms): (request: EmbedTexts) => Promise<TextVectors> {
  const kept = new Map<string, Promise<TextVectors>>();
  return async (request) => {
    const { run, model, texts, signal } = request;
    if (providerOf(model) === 'sandbox') {
      const { vectors } = await embed(rooms.providers.open(model), model, texts, signal);
      return { vectors, costUsd: 0 };
    }
    const hash = sha256(JSON.stringify(['embed', model, texts]));
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

async function paidOnce(
  { store, providers, config }: Rooms,
  { run, step, model, texts, ttlSeconds, signal }: EmbedTexts,
  requestHash: string,
): Promise<TextVectors> {
  const tenant = run.tenant ?? '';
  const cached = await store.cache.find({ tenant, requestHash, models: [model] });
  if (cached) return { vectors: unpacked(cached), costUsd: 0 };

  // Equal texts have equal vectors, whichever step asks.
  const place = { key: sha256([run.chain, model, requestHash].join('\n')), run, step, model };
  const estimate = Math.ceil(texts.reduce((sum, text) => sum + text.length, 0) / CHARACTERS_A_TOKEN);
  const worstCaseUsd = priceOf(model, { inputTokens: estimate, outputTokens: 0 }, config.prices);
  const begun = await store.journal.begin({ ...place, worstCaseUsd });
  if (begun.state === 'finished') return { vectors: unpacked(begun.reply), costUsd: begun.reply.costUsd };
  if (begun.state === 'overBudget') throw new ProviderError(begun.error);

  const { epoch } = begun;
  const provider = providers.open(model);
  try {
    const { vectors, usage } = await embed(provider, model, texts, signal);
    const reply: ModelReply = {
      text: '',
      object: packed(vectors),
      model,
      usage,
      costUsd: priceOf(model, usage, config.prices),
      finishReason: 'stop',
    };
    const cache = { tenant, requestHash, ttlSeconds };
    await store.journal.end({ ...place, epoch }, { reply, completesStep: true, cache });
    return { vectors, costUsd: reply.costUsd };
  } catch (thrown) {
    const error: CallError = thrown instanceof ProviderError ? thrown.error : provider.asCallError(thrown, model);
    await store.journal.end({ ...place, epoch }, { error, next: 'final' });
    throw new ProviderError(error, { cause: thrown });
  }
}

/** Single precision in base64: a third of what the numbers take as text. */
function packed(vectors: number[][]): { vectors: string[] } {
  return { vectors: vectors.map((vector) => Buffer.from(Float32Array.from(vector).buffer).toString('base64')) };
}

function unpacked({ object }: ModelReply): number[][] {
  return (object as { vectors: string[] }).vectors.map((text) => {
    const bytes = Buffer.from(text, 'base64');
    return [...new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))];
  });
}
