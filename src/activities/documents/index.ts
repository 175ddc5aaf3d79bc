import path from 'node:path';
import {
  type CallError,
  DEFAULT_CHUNK_TOKENS,
  DEFAULT_OVERLAP_TOKENS,
  type IngestActivities,
  type IngestInput,
  type IngestProgress,
  type ModelRef,
  type RunRef,
  type SearchActivities,
} from '../../contract/index.ts';
import { listSources } from '../../documents/index.ts';
import { ProviderError } from '../../providers/index.ts';
import { failureOf } from '../failure.ts';
import { heartbeat } from '../heartbeat.ts';
import type { Rooms } from '../rooms.ts';
import { createIngestDocuments } from './ingest-documents.ts';
import { createSearchDocuments } from './search-documents.ts';

/** The activities of `ingest` and `retrieve`: they join what reads documents, the providers of vectors, and the store. */
export function createDocumentActivities(rooms: Rooms): IngestActivities & SearchActivities {
  const { documents, ingests, events } = rooms.store;

  /** Tells readers how far a run is when it is time to. */
  async function report(run: RunRef): Promise<IngestProgress> {
    const { progress, report: isTime } = await ingests.progress(run.chain);
    if (isTime) await events.append(run, [{ type: 'ingest.progress', ...progress }]);
    return progress;
  }

  async function collectionOf(run: RunRef, { collection: name }: IngestInput, embeddings: ModelRef): Promise<number> {
    const id = await documents.open(run.tenant ?? '', name, embeddings);
    if (id !== undefined) return id;
    const now = await documents.find(run.tenant ?? '', name);
    throw refused({
      type: 'InvalidRequest',
      message: `The collection "${name}" has vectors of ${now?.embeddings}, not of ${embeddings}`,
      hint: 'Ingest with that model, or into a collection of another name',
      path: 'input.embeddings',
    });
  }

  return {
    async openIngest(run, input) {
      const stopHeartbeat = heartbeat();
      try {
        const embeddings = input.embeddings ?? rooms.config.documents.embeddings;
        assertEmbeds(rooms, embeddings);
        const opened = await ingests.find(run.chain);
        if (opened) return { total: opened.total, embeddings };
        const listed = await listSources(input.sources, rootsOf(rooms));
        const [first] = listed.documents;
        if (first?.error && listed.documents.every(({ error }) => error)) {
          throw refused({ ...first.error, path: 'input.sources' });
        }
        const { total } = await ingests.open(
          run.chain,
          {
            collection: await collectionOf(run, input, embeddings),
            chunkTokens: input.chunkTokens ?? DEFAULT_CHUNK_TOKENS,
            overlapTokens: input.overlapTokens ?? DEFAULT_OVERLAP_TOKENS,
            folders: listed.folders,
          },
          listed.documents,
        );
        for (const [index, { source, error }] of listed.documents.entries()) {
          const key = `ingest.failed:${index + 1}`;
          if (error) await events.record(run, [{ type: 'ingest.failed', key, source, error }]);
        }
        await report(run);
        return { total, embeddings };
      } finally {
        stopHeartbeat();
      }
    },

    ingestDocuments: createIngestDocuments(rooms, () => rootsOf(rooms), report),

    async closeIngest(run) {
      const result = await ingests.close(run.chain);
      const { progress } = await ingests.progress(run.chain);
      await events.record(run, [{ type: 'ingest.progress', key: 'ingest.progress:end', ...progress }]);
      return result;
    },

    searchDocuments: createSearchDocuments(rooms),
  };
}

/** Folders files may be read in. */
function rootsOf({ config, env }: Rooms): string[] {
  const named = config.documents.roots ?? (env.CADENZA_DOCUMENTS ?? '').split(path.delimiter).filter(Boolean);
  return named.map((root) => path.resolve(root));
}

/** @throws ApplicationFailure InvalidRequest where the model makes no vectors */
function assertEmbeds({ providers }: Rooms, model: ModelRef): void {
  try {
    const provider = providers.open(model);
    if (provider.embed) return;
    const message = `${provider.name} makes no embeddings. Use a model of openai, gemini or an OpenAI-compatible provider, or sandbox/words.`;
    throw new ProviderError({ type: 'InvalidRequest', message, model });
  } catch (thrown) {
    if (!(thrown instanceof ProviderError)) throw thrown;
    throw refused({ ...thrown.error, path: 'input.embeddings' });
  }
}

function refused(error: CallError) {
  return failureOf(error, 'final');
}
