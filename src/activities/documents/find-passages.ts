import { DEFAULT_PASSAGES, type DocumentQuery, noCollection, type Passage, type RunRef } from '../../contract/index.ts';
import { fused } from '../../documents/index.ts';
import { ProviderError } from '../../providers/index.ts';
import { stepKey } from '../../store/index.ts';
import { createEmbedTexts } from '../embed-texts.ts';
import type { Rooms } from '../rooms.ts';

/** Places of each ranking that are fused. */
const RANKED = 50;
const QUERY_TTL_SECONDS = 3_600;

/** A question, and who asks it. */
export interface FindPassages {
  run: RunRef;
  step: string;
  query: DocumentQuery;
  signal: AbortSignal;
}

export interface FoundPassages {
  /** nearest first */
  passages: Passage[];
  /** the model of the question's vector, and what that cost now, USD */
  embeddings: string;
  costUsd: number | null;
}

/**
 * Looks for passages by words and by vectors, makes one ranking of both, and tells readers of the run what was found.
 *
 *   question --+--> full text ------------------+--> reciprocal rank fusion --> passages
 *              +--> embedding --> nearest ------+
 *
 * @throws ProviderError: InvalidRequest where the run's tenant has no such collection, or of the embedding
 */
export function createFindPassages(rooms: Rooms): (asked: FindPassages) => Promise<FoundPassages> {
  const { documents, passages, events } = rooms.store;
  const embedTexts = createEmbedTexts(rooms);

  return async ({ run, step, query, signal }) => {
    const collection = await documents.find(run.tenant ?? '', query.collection);
    if (!collection) throw new ProviderError(noCollection(query.collection, await documents.names(run.tenant ?? '')));
    await events.record(run, [{ type: 'step.started', key: stepKey('step.started', step), step }]);
    const { embeddings } = collection;
    const texts = [query.query];
    const embedded =
      query.mode === 'text'
        ? undefined
        : await embedTexts({
            run,
            step: `${step}/embed`,
            model: embeddings,
            texts,
            ttlSeconds: QUERY_TTL_SECONDS,
            signal,
          });
    const found = await ranked(collection, query, embedded?.vectors[0]);
    await told(run, step, query, found);
    return { passages: found, embeddings, costUsd: embedded?.costUsd ?? 0 };
  };

  async function ranked(
    collection: { id: number; version: number },
    { query, mode = 'hybrid', limit = DEFAULT_PASSAGES }: DocumentQuery,
    vector: number[] | undefined,
  ): Promise<Passage[]> {
    const depth = Math.max(RANKED, limit);
    const rankings = await Promise.all([
      ...(mode === 'vectors' ? [] : [passages.byText(collection, query, depth)]),
      ...(vector ? [passages.byVector(collection, vector, depth)] : []),
    ]);
    const best = fused(rankings).slice(0, limit);
    const scores = new Map(best.map(({ item, score }) => [item, score]));
    const read = await passages.read(best.map(({ item }) => item));
    return read.map((passage) => ({ ...passage, score: Number(scores.get(passage.id)!.toFixed(6)) }));
  }

  async function told(run: RunRef, step: string, { query }: DocumentQuery, found: Passage[]): Promise<void> {
    await events.record(run, [
      {
        type: 'documents.found',
        ...{ key: `documents.found:${step}`, step, query },
        passages: found.map(({ id: _, text: __, ...place }) => place),
      },
      { type: 'step.completed', key: stepKey('step.completed', step), step },
    ]);
  }
}
