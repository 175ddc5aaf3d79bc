import { createHash } from 'node:crypto';
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { CancelledFailure, Context } from '@temporalio/activity';
import {
  type CallError,
  type IngestActivities,
  type IngestProgress,
  type IngestSlice,
  isOutage,
  providerOf,
  type RunRef,
  repeatAfter,
} from '../../contract/index.ts';
import {
  chunksOf,
  fetchUrl,
  type Loaded,
  loadSource,
  MOST_BYTES,
  readDocument,
  searchLanguage,
  UnreachableError,
  UnreadableError,
} from '../../documents/index.ts';
import { estimateTokens } from '../../providers/index.ts';
import {
  type IngestItem,
  isStoreError,
  type NewChunk,
  type StoredIngest,
  stepKey,
  type WaitingItem,
} from '../../store/index.ts';
import { guardedFetch, ToolFailure } from '../../tools/index.ts';
import { sha256 } from '../call-key.ts';
import { EmbedFailed, embedPaid } from '../embed-paid.ts';
import { failureOf, type Next } from '../failure.ts';
import { heartbeat } from '../heartbeat.ts';
import type { Rooms } from '../rooms.ts';

/** Texts of one request, and requests at once. Gemini takes 100 texts, so that a request of ours is one of theirs. */
const TEXTS_A_BATCH = 96;
const BATCHES_AT_ONCE = 4;
/** Longest wait between two attempts, ms (see contract/attempts.ts), and attempts before it is that long. */
const LONGEST_BACKOFF_MS = 30_000;
const SHORT_ATTEMPTS = 6;
const LONGEST_RETRY_AFTER_MS = 600_000;
/** An address that does not answer is asked so often. */
const FETCHES = 3;
const FETCH_WITHIN_MS = 60_000;
/** A document is begun so often: what ends its worker each time would do so for ever. */
const READINGS = 5;
/** Cutting a long text lets others work after so long, ms. */
const TURN_MS = 50;
/** Documents that were cut otherwise are cut anew. */
const WAY_OF_CUTTING = 'blocks-1';

/**
 * Ingests some documents: reads and cuts those that have changed, keeps them aside, and embeds what is new of them in
 * batches. Killed anywhere, the next attempt goes on: a staged document is not read again, a text with a vector not
 * embedded again, and a batch whose answer is in the journal not paid again.
 */
export function createIngestDocuments(
  rooms: Rooms,
  rootsOf: () => string[],
  report: (run: RunRef) => Promise<IngestProgress>,
): IngestActivities['ingestDocuments'] {
  const { documents, ingests, events } = rooms.store;

  return async (run, slice) => {
    const { cancellationSignal: signal, info } = Context.current();
    const step = `embed/${slice.from}-${slice.to}`;
    const ingest = (await ingests.find(run.chain))!;
    const { privateHosts } = rooms.config.toolSettings;
    const fetch = guardedFetch(
      { hosts: ['*'] },
      { privateHosts, signal, maxBytes: MOST_BYTES, timeoutMs: FETCH_WITHIN_MS },
    );
    const roots = rootsOf();
    const staged: { n: number; id: number }[] = [];
    const stopHeartbeat = heartbeat();
    try {
      for (const item of await ingests.waiting(run.chain, slice.from, slice.to)) {
        const id = await staging(item);
        if (id !== undefined) staged.push({ n: item.n, id });
        await report(run);
      }
      await embedAll();
      for (const { n, id } of staged) await ingests.end(run.chain, n, { staged: id });
      return await report(run);
    } catch (thrown) {
      throw signal.aborted ? stopped(signal.reason) : thrown;
    } finally {
      stopHeartbeat();
    }

    /** @returns the id of the document; undefined where it has ended */
    async function staging(item: WaitingItem): Promise<number | undefined> {
      signal.throwIfAborted();
      if (item.staged !== undefined) return item.staged;
      if ((await ingests.begin(run.chain, item.n)) >= READINGS) {
        const message = `${item.source} was left out: its reading did not come to an end ${READINGS} times`;
        await failed(item, { type: 'InvalidRequest', message, hint: 'It may need more memory than the worker has' });
        return undefined;
      }
      try {
        const loaded = await loading(item);
        const hash = hashOf(loaded, ingest);
        if (await documents.isThere(ingest.collection, item.source, hash)) {
          await ingests.end(run.chain, item.n, 'skipped');
          return undefined;
        }
        const id = await stage(item, loaded, hash);
        await ingests.markStaged(run.chain, item.n, id);
        return id;
      } catch (thrown) {
        if (isStoreError(thrown) || signal.aborted) throw thrown;
        await failed(item, errorOf(thrown, item.source));
        return undefined;
      }
    }

    async function stage(item: IngestItem, { bytes, type }: Loaded, hash: string): Promise<number> {
      const read = await readDocument(bytes, type);
      const { title } = read;
      const chunks: NewChunk[] = [];
      let turn = performance.now();
      const sizes = { tokens: ingest.chunkTokens, overlap: ingest.overlapTokens };
      for (const chunk of chunksOf(read, sizes, estimateTokens)) {
        chunks.push({ ...chunk, hash: sha256(embeddedText({ ...chunk, title })) });
        if (performance.now() - turn < TURN_MS) continue;
        await setImmediate();
        turn = performance.now();
      }
      const { source, kind } = item;
      const language = await searchLanguage(read.text);
      return documents.stage(ingest.collection, { source, kind, hash, title, language }, chunks);
    }

    async function loading(item: IngestItem): Promise<Loaded> {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await loadSource(item, { roots, fetchUrl: (url) => fetchUrl(url, fetch) });
        } catch (thrown) {
          if (!mayHeal(thrown) || attempt >= FETCHES) throw thrown;
          await delay(1_000 * attempt, undefined, { signal });
        }
      }
    }

    async function failed({ n, source }: { n: number; source: string }, error: CallError): Promise<void> {
      if (!(await ingests.end(run.chain, n, { error }))) return;
      await events.record(run, [{ type: 'ingest.failed', key: `ingest.failed:${n}`, source, error }]);
    }

    async function embedAll(): Promise<void> {
      const ids = staged.map(({ id }) => id);
      // An earlier attempt may have begun the step, and been lost before it told of its end.
      let isBegun = info.attempt > 1 && ids.length > 0;
      for (;;) {
        signal.throwIfAborted();
        const texts = await documents.pending(ids, TEXTS_A_BATCH * BATCHES_AT_ONCE);
        if (texts.length === 0) return isBegun ? completeStep() : undefined;
        isBegun = true;
        const batches = Array.from({ length: Math.ceil(texts.length / TEXTS_A_BATCH) }, (_, index) =>
          texts.slice(index * TEXTS_A_BATCH, (index + 1) * TEXTS_A_BATCH),
        );
        // All of them end before anything is thrown: a call in flight must not outlive its activity.
        const ended = await Promise.allSettled(batches.map(embedBatch));
        for (const one of ended) if (one.status === 'rejected') throw asFailure(one.reason);
        await report(run);
      }
    }

    /** The sandbox's vectors are made here, by no call. */
    async function completeStep(): Promise<void> {
      if (providerOf(slice.embeddings) === 'sandbox') return;
      await events.record(run, [{ type: 'step.completed', key: stepKey('step.completed', step), step }]);
    }

    async function embedBatch(texts: Parameters<typeof embeddedText>[0][]): Promise<void> {
      const { vectors } = await embedPaid(rooms, {
        run,
        step,
        model: slice.embeddings,
        texts: texts.map(embeddedText),
        signal,
        isPart: true,
        next: (error, { failures }) => nextOf(error, failures, slice),
      });
      const given = texts.map(({ hash }, index) => ({ hash: hash!, vector: ofLengthOne(vectors[index]!) }));
      await documents.putVectors(ingest.collection, given);
    }
  };
}

/** A chunk as it is embedded: under the headings it stands under, and the title where they do not begin with it. */
function embeddedText({ title, heading, text }: { title?: string; heading?: string; text: string; hash?: string }) {
  const above = title !== undefined && !heading?.startsWith(title) ? [title] : [];
  return [...above, ...(heading === undefined ? [] : [heading]), text].join('\n');
}

function hashOf({ bytes, type }: Loaded, { chunkTokens, overlapTokens }: StoredIngest): string {
  const way = [WAY_OF_CUTTING, type, chunkTokens, overlapTokens].join(' ');
  return createHash('sha256').update(way).update('\n').update(bytes).digest('hex');
}

function nextOf(error: CallError, failures: number, { patienceMs }: IngestSlice): Next {
  const maxAttempts = SHORT_ATTEMPTS + Math.ceil(patienceMs / LONGEST_BACKOFF_MS);
  const now = Date.now();
  const limits = { maxAttempts, maxRetryAfterMs: LONGEST_RETRY_AFTER_MS };
  const delayMs = repeatAfter({ error, failures, midStreamFailures: 0, now }, limits);
  return delayMs === undefined ? 'final' : { delayMs };
}

/** What the next attempt of the activity has to wait for, or never mends. */
function asFailure(thrown: unknown): unknown {
  return thrown instanceof EmbedFailed ? failureOf(thrown.error, thrown.next) : thrown;
}

/** A reader's own failure is the document's, too: the others go on. */
function errorOf(thrown: unknown, source: string): CallError {
  if (thrown instanceof UnreadableError || thrown instanceof UnreachableError || thrown instanceof ToolFailure) {
    return thrown.error;
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { type: 'InvalidRequest', message: `${source} cannot be read: ${message}` };
}

function mayHeal(thrown: unknown): boolean {
  return thrown instanceof UnreachableError || (thrown instanceof ToolFailure && isOutage(thrown.error.type));
}

/** So that their cosine is their dot product. */
function ofLengthOne(vector: number[]): number[] {
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}

/** Cancelled by a person, the slice ends; stopped with its worker, another one goes on with it. */
function stopped(reason: unknown): unknown {
  if (reason instanceof CancelledFailure && reason.message === 'CANCELLED') return reason;
  return failureOf(
    { type: 'ConnectionLost', message: 'The worker reading these documents was stopped' },
    { delayMs: 1 },
  );
}
