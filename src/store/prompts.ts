import { type Kysely, sql } from 'kysely';
import type { Database } from './database.ts';
import type { Sealing } from './sealing.ts';

/** Of prompts that can be taken for each other: those of a tenant, with all else of their requests equal. */
export interface Frame {
  tenant: string;
  frame: string;
}

/** Prompts by their vectors. */
export interface Prompts {
  /** The prompts at least so near, nearest first, by the cosine of their vectors: exact, over the newest 2,000 of the frame.
   *  @param vector of length 1 */
  near(frame: Frame, vector: number[], threshold: number): Promise<{ requestHash: string; similarity: number }[]>;
  keep(frame: Frame, prompt: { requestHash: string; vector: number[]; ttlSeconds: number }): Promise<void>;
}

/** Looked at for one question, newest first. */
const MOST_PROMPTS = 2_000;
/** Frames whose vectors a process keeps, so that a question reads only those that came since the last. */
const KEPT_FRAMES = 100;
const MOST_FOUND = 5;

interface Kept {
  lastId: number;
  prompts: { requestHash: string; vector: Float32Array }[];
}

export function createPrompts(db: Kysely<Database>, { since }: Sealing): Prompts {
  // Vectors tell of their texts, and hashes that must be found again as they are can be made of a guess.
  if (since) return { near: async () => [], keep: async () => {} };
  const kept = new Map<string, Kept>();

  async function promptsOf({ tenant, frame }: Frame): Promise<Kept['prompts']> {
    const name = `${tenant}\n${frame}`;
    const { lastId, prompts } = kept.get(name) ?? { lastId: 0, prompts: [] };
    const rows = await db
      .selectFrom('prompts')
      .select(['id', 'request_hash', 'vector'])
      .where('tenant', '=', tenant)
      .where('frame', '=', frame)
      .where('id', '>', lastId)
      .where('expires_at', '>', sql<Date>`now()`)
      .orderBy('id', 'desc')
      .limit(MOST_PROMPTS)
      .execute();
    const fresh = rows
      .toReversed()
      .map(({ request_hash, vector }) => ({ requestHash: request_hash, vector: Float32Array.from(vector) }));
    const all = [...prompts, ...fresh].slice(-MOST_PROMPTS);
    kept.delete(name);
    kept.set(name, { lastId: Math.max(lastId, rows[0]?.id ?? 0), prompts: all });
    if (kept.size > KEPT_FRAMES) kept.delete(kept.keys().next().value!);
    return all;
  }

  return {
    async near(frame, vector, threshold) {
      const best = new Map<string, number>();
      for (const prompt of await promptsOf(frame)) {
        const similarity = cosine(prompt.vector, vector);
        if (similarity >= threshold) best.set(prompt.requestHash, similarity);
      }
      return [...best]
        .map(([requestHash, similarity]) => ({ requestHash, similarity }))
        .sort((one, other) => other.similarity - one.similarity)
        .slice(0, MOST_FOUND);
    },

    async keep({ tenant, frame }, { requestHash, vector, ttlSeconds }) {
      const expires_at = sql<Date>`now() + make_interval(secs => ${ttlSeconds})`;
      await db
        .insertInto('prompts')
        .values({ tenant, frame, request_hash: requestHash, vector, expires_at })
        .onConflict((conflict) => conflict.columns(['tenant', 'frame', 'request_hash']).doUpdateSet({ expires_at }))
        .execute();
    },
  };
}

/** Of vectors of length 1. Single precision may make it a little more than 1. */
function cosine(one: Float32Array, other: number[]): number {
  if (one.length !== other.length) return 0;
  let sum = 0;
  for (let index = 0; index < one.length; index++) sum += one[index]! * other[index]!;
  return Math.min(1, sum);
}
