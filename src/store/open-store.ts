import { randomUUID } from 'node:crypto';
import { Kysely, PostgresDialect, sql } from 'kysely';
import type { EncryptionKeys, Log } from '../contract/index.ts';
import { type ApiKeys, createApiKeys } from './api-keys.ts';
import { type Approvals, createApprovals } from './approvals.ts';
import { type Audit, createAudit } from './audit.ts';
import { type BackgroundAnswers, createBackgroundAnswers } from './background-answers.ts';
import { type Baselines, createBaselines } from './baselines.ts';
import { type Batches, createBatches } from './batches.ts';
import { type Blobs, createBlobs } from './blobs.ts';
import { type Cache, createCache, createFlightBells } from './cache.ts';
import { shortId } from './call-events.ts';
import { type CallsOfBatches, createCallsOfBatches } from './calls-of-batches.ts';
import { type Cipher, createCipher } from './cipher.ts';
import { type Circuits, createCircuits } from './circuits.ts';
import { ANSWER_WITHIN_MS, kyselyPool, openConnections } from './connections.ts';
import { createDataSets, type DataSets } from './data-sets.ts';
import type { Database } from './database.ts';
import { createDocuments, type Documents } from './documents.ts';
import { createFollowers } from './event-followers.ts';
import { createEventWriter } from './event-writer.ts';
import { createEventLog, type EventLog } from './events.ts';
import { openSealing } from './hash-key.ts';
import { createIngests, type Ingests } from './ingests.ts';
import { createJournal } from './journal.ts';
import type { Journal } from './journaled-calls.ts';
import { keyedCache, keyedCircuits, keyedJournal, keyedLimits, keyedTools } from './keyed-rooms.ts';
import { createLearnedLimits, type LearnedLimits } from './learned-limits.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { createLimits, type Limits } from './limits.ts';
import { createListener } from './listener.ts';
import { createMaps, type Maps } from './maps.ts';
import { isNewest, migrate } from './migrate.ts';
import { isStoreError, PATIENCE_MS, retrying, StoreError } from './outage.ts';
import { createPassages, type Passages } from './passages.ts';
import { createProcesses, type Processes } from './processes.ts';
import { createPrompts, type Prompts } from './prompts.ts';
import { createRetention, type Retention } from './retention.ts';
import { createRunFiles, type RunFileStore } from './run-files.ts';
import { createRuns, type Runs } from './runs.ts';
import { parseSealed } from './sealing.ts';
import { createTicketHolder } from './ticket-holder.ts';
import { createToolJournal, type ToolJournal } from './tool-journal.ts';
import { createTranscripts, type Transcripts } from './transcripts.ts';
import { createVotes, type Votes } from './votes.ts';

export interface Store {
  db: Kysely<Database>;
  /** where texts are sealed: with the same keys, payloads are */
  cipher?: Cipher;
  /** how a run's events name a call, by its key */
  callId(key: string): string;
  events: EventLog;
  journal: Journal;
  cache: Cache;
  ledger: Ledger;
  limits: Limits;
  learnedLimits: LearnedLimits;
  circuits: Circuits;
  background: BackgroundAnswers;
  batches: Batches;
  callsOfBatches: CallsOfBatches;
  blobs: Blobs;
  runs: Runs;
  votes: Votes;
  baselines: Baselines;
  approvals: Approvals;
  keys: ApiKeys;
  audit: Audit;
  transcripts: Transcripts;
  tools: ToolJournal;
  files: RunFileStore;
  dataSets: DataSets;
  maps: Maps;
  documents: Documents;
  ingests: Ingests;
  passages: Passages;
  prompts: Prompts;
  retention: Retention;
  processes: Processes;
  /** @throws Error if the database cannot be reached */
  ping(): Promise<void>;
  /** Writes what was given first; a database that does not answer gets 10 s. */
  close(): Promise<void>;
}

export interface OpenStore {
  /** of a PostgreSQL database that is Cadenza's own */
  url: string;
  /** connections at most (default 10); one for the writer and one for the listener come on top */
  poolSize?: number;
  /** ms after which a statement without an answer is given up, and repeated where it may be (default 15,000) */
  answerWithinMs?: number;
  /** ms that reads and the beginnings of calls wait for a database that is away (default 60,000), before a StoreError */
  patienceMs?: number;
  /** told of what the store gets over by itself */
  log?: Log;
  /** texts are sealed with these; left out, nothing is (docs/encryption.md) */
  encryption?: EncryptionKeys;
}

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };
const CLOSE_WITHIN_MS = 10_000;
/** What people read waits for a restart of the database, not for its repair, ms */
const BLIP_MS = 5_000;

/** Brings the database to the newest shape and opens everything kept in it: one store a process.
 *  @throws StoreError where it cannot be reached, UnreadableError where its texts are sealed, and not with these keys */
export async function openStore({
  url,
  poolSize = 10,
  log = SILENT,
  answerWithinMs = ANSWER_WITHIN_MS,
  patienceMs = PATIENCE_MS,
  encryption,
}: OpenStore): Promise<Store> {
  const origin = randomUUID();
  const cipher = encryption && createCipher(encryption);
  const parseJson = cipher && parseSealed(cipher);
  const db = new Kysely<Database>({
    dialect: new PostgresDialect({ pool: kyselyPool(openConnections(url, poolSize, log, answerWithinMs, parseJson)) }),
  });
  const open = async () => {
    // One that does not answer now is waited for there, as one that others change.
    if (!(await isNewest(db))) await migrate(url, log);
    return openSealing(db, cipher);
  };
  const sealing = await open().catch(async (error) => {
    await db.destroy();
    throw isStoreError(error) ? new StoreError(error.cause, url) : error;
  });
  const forWriter = openConnections(url, 1, log, 2 * answerWithinMs, parseJson);
  const followers = createFollowers(db, origin, log);
  const flights = createFlightBells();
  const dataSets = createDataSets(db, sealing);
  const processes = createProcesses(db, origin);
  const holder = createTicketHolder(db, origin, log);
  const limits = createLimits(db, holder, log, { log, patienceMs });
  const circuits = createCircuits(db, holder, log, sealing);
  const learnedLimits = createLearnedLimits(db, log);
  const blobs = retrying('blobs', createBlobs(db, sealing), { log, patienceMs });
  const listener = createListener(
    url,
    {
      cadenza_events: followers.onNotification,
      cadenza_flights: flights.ring,
      cadenza_stops: processes.onNotification,
      cadenza_limits: limits.onNotification,
      cadenza_learned: learnedLimits.onNotification,
      cadenza_circuits: circuits.onNotification,
    },
    processes.claim,
    () => {
      followers.refetchAll();
      flights.ringAll();
      for (const { refetchAll } of [limits, learnedLimits, circuits]) refetchAll();
    },
    log,
    answerWithinMs,
  );
  const writer = createEventWriter(forWriter.pool, origin, followers, log, sealing);
  const waiting = { log, patienceMs };
  const briefly = { log, patienceMs: Math.min(patienceMs, BLIP_MS) };
  let closing: Promise<void> | undefined;

  async function close(): Promise<void> {
    await Promise.all([writer.close(CLOSE_WITHIN_MS), limits.close(CLOSE_WITHIN_MS)]);
    holder.close();
    followers.close();
    await listener.close();
    await Promise.all([db.destroy(), forWriter.end()]);
  }

  return {
    db,
    cipher,
    callId: (key) => shortId(sealing.keyed(key)),
    events: createEventLog(db, writer, followers),
    journal: keyedJournal(createJournal(db, writer, followers, origin, waiting, sealing), sealing),
    cache: keyedCache(createCache(db, flights, waiting, sealing), sealing),
    ledger: retrying('ledger', createLedger(db), briefly),
    limits: keyedLimits(limits, sealing),
    learnedLimits,
    callsOfBatches: retrying('calls of batches', createCallsOfBatches(db, sealing), waiting),
    background: retrying('background answers', createBackgroundAnswers(db, sealing), waiting),
    batches: retrying('batches', createBatches(db, origin, sealing), waiting),
    circuits: keyedCircuits(circuits, sealing),
    blobs,
    tools: keyedTools(retrying('tools', createToolJournal(db, sealing), waiting), sealing),
    files: retrying('files', createRunFiles(db, blobs), waiting),
    runs: retrying('runs', createRuns(db), briefly),
    votes: retrying('votes', createVotes(db), briefly),
    baselines: retrying('baselines', createBaselines(db), briefly),
    approvals: retrying('approvals', createApprovals(db), briefly),
    keys: retrying('keys', createApiKeys(db), briefly),
    audit: createAudit(db, briefly),
    transcripts: retrying('transcripts', createTranscripts(db, sealing), waiting),
    dataSets,
    maps: retrying('maps', createMaps(db, dataSets, sealing), waiting),
    documents: retrying('documents', createDocuments(db, sealing), waiting),
    ingests: retrying('ingests', createIngests(db, sealing), waiting),
    passages: retrying('passages', createPassages(db, sealing), briefly),
    prompts: retrying('prompts', createPrompts(db, sealing), briefly),
    retention: createRetention(db, url, log),
    processes,
    async ping() {
      await sql`select 1`.execute(db);
    },
    close: () => (closing ??= close()),
  };
}
