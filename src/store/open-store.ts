import { randomUUID } from 'node:crypto';
import { Kysely, PostgresDialect, sql } from 'kysely';
import type { Log } from '../contract/index.ts';
import { type Approvals, createApprovals } from './approvals.ts';
import { type Blobs, createBlobs } from './blobs.ts';
import { type Cache, createCache, createFlightBells } from './cache.ts';
import { createDataSets, type DataSets } from './data-sets.ts';
import { type Database, openPool } from './database.ts';
import { createFollowers } from './event-followers.ts';
import { createEventWriter } from './event-writer.ts';
import { createEventLog, type EventLog } from './events.ts';
import { createJournal } from './journal.ts';
import type { Journal } from './journaled-calls.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { createListener } from './listener.ts';
import { createMaps, type Maps } from './maps.ts';
import { migrate } from './migrate.ts';
import { createRuns, type Runs } from './runs.ts';
import { createTranscripts, type Transcripts } from './transcripts.ts';

export interface Store {
  db: Kysely<Database>;
  events: EventLog;
  journal: Journal;
  cache: Cache;
  ledger: Ledger;
  blobs: Blobs;
  runs: Runs;
  approvals: Approvals;
  transcripts: Transcripts;
  dataSets: DataSets;
  maps: Maps;
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
  /** told of what the store gets over by itself */
  log?: Log;
}

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };
const CLOSE_WITHIN_MS = 10_000;

/** Brings the database to the newest shape and opens everything kept in it: one store a process. */
export async function openStore({ url, poolSize = 10, log = SILENT }: OpenStore): Promise<Store> {
  await migrate(url, log);
  const origin = randomUUID();
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: openPool(url, poolSize, log) }) });
  const writerPool = openPool(url, 1, log);
  const followers = createFollowers(db, origin, log);
  const flights = createFlightBells();
  const dataSets = createDataSets(db);
  const listener = createListener(
    url,
    { cadenza_events: followers.hear, cadenza_flights: flights.ring },
    () => {
      followers.doubt();
      flights.ringAll();
    },
    log,
  );
  const writer = createEventWriter(writerPool, origin, followers, log);
  // those of processes that ended long ago
  await sql`delete from writers where at < now() - interval '7 days'`.execute(db);
  let closing: Promise<void> | undefined;

  async function close(): Promise<void> {
    await writer.close(CLOSE_WITHIN_MS);
    followers.close();
    await listener.close();
    await Promise.all([db.destroy(), writerPool.end()]);
  }

  return {
    db,
    events: createEventLog(db, writer, followers),
    journal: createJournal(db, writer, followers, origin, log),
    cache: createCache(db, flights, log),
    ledger: createLedger(db),
    blobs: createBlobs(db),
    runs: createRuns(db),
    approvals: createApprovals(db),
    transcripts: createTranscripts(db, log),
    dataSets,
    maps: createMaps(db, dataSets),
    async ping() {
      await sql`select 1`.execute(db);
    },
    close: () => (closing ??= close()),
  };
}
