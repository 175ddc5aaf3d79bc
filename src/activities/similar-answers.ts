import { type ModelCall, type ModelReply, type ModelRequest, textOf } from '../contract/index.ts';
import { hashOfRequest, sha256 } from './call-key.ts';
import { embedPaid } from './embed-paid.ts';
import type { Rooms } from './rooms.ts';
import type { SharedAnswers } from './shared-answers.ts';

/** A call waits for the vector of its prompt no longer than this, ms. */
const LOOKED_UP_WITHIN_MS = 10_000;

export interface FoundSimilar {
  reply: ModelReply;
  /** how near, and the hash of the request it answered */
  nearest: { similarity: number; of: string };
}

/** The answers to questions that are nearly this one. */
export interface SimilarAnswers {
  find(): Promise<FoundSimilar | undefined>;
  /** The answer of this one is in the cache from now on: others may find it by its prompt. */
  keep(): Promise<void>;
}

/**
 * The semantic cache: a prompt is looked for among those of the tenant that were asked with the same system text, settings and
 * schema, and whose answer is still in the cache. Without vectors, for whatever reason, a call is made as if there were none.
 * @returns undefined where nothing but the same question will do
 */
export function similarAnswers(
  rooms: Rooms,
  call: ModelCall,
  request: ModelRequest,
  shared: SharedAnswers | undefined,
  signal: AbortSignal,
): SimilarAnswers | undefined {
  const { store, config, log } = rooms;
  const { semantic, run, candidates } = call;
  // A scope of its own, and an answer that is asked anew, are there for answers of their own.
  if (!semantic || !shared?.atBegin || run.cacheScope !== undefined) return undefined;
  const prompt = onlyPrompt(request);
  if (prompt === undefined) return undefined;
  const { model = config.documents.embeddings, threshold } = semantic;
  const { requestHash, ttlSeconds } = shared.entry;
  const frame = {
    tenant: run.tenant ?? '',
    frame: sha256(`${model}\n${hashOfRequest({ ...request, messages: [] })}`),
  };
  let vector: number[] | undefined;

  return {
    async find() {
      vector = await vectorOf(prompt);
      const near = vector === undefined ? [] : await store.prompts.near(frame, vector, threshold);
      for (const { requestHash: of, similarity } of near) {
        const reply = await store.cache.find({ tenant: frame.tenant, requestHash: of, models: candidates });
        if (reply) return { reply, nearest: { similarity: Number(similarity.toFixed(6)), of } };
      }
      return undefined;
    },
    async keep() {
      if (vector === undefined) return;
      await store.prompts
        .keep(frame, { requestHash, vector, ttlSeconds })
        .catch((error: unknown) => log.warn({ error: String(error) }, 'A prompt was not kept for the semantic cache'));
    },
  };

  async function vectorOf(text: string): Promise<number[] | undefined> {
    try {
      const withinMs = Math.min(LOOKED_UP_WITHIN_MS, call.timeouts.firstTokenMs);
      const asked = { run, step: call.step, model, texts: [text], signal, isPart: true, withinMs };
      const { vectors } = await embedPaid(rooms, asked);
      return normalised(vectors[0]!);
    } catch (error) {
      signal.throwIfAborted();
      log.warn({ error: String(error), model }, 'The semantic cache has no vector of a prompt: the model is asked');
      return undefined;
    }
  }
}

/** The text of a request that is one question, and nothing that another text may not stand for. */
function onlyPrompt({ messages, transcript, tools, toolset }: ModelRequest): string | undefined {
  const [only, ...others] = messages;
  if (transcript || tools || toolset !== undefined || !only || others.length > 0 || only.role !== 'user')
    return undefined;
  const isText = typeof only.content === 'string' || only.content.every(({ type }) => type === 'text');
  return isText ? textOf(only) : undefined;
}

function normalised(vector: number[]): number[] {
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}
