import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { PostgresPool, PostgresPoolClient } from 'kysely';
import pg from 'pg';
import type { Log } from '../contract/index.ts';
import { asStoreError, isRefused } from './outage.ts';

/** ms a statement may take, here and on the server: a database that hangs is found out, and nothing it began stays behind */
export const ANSWER_WITHIN_MS = 15_000;
const CONNECT_WITHIN_MS = 10_000;
const END_WITHIN_MS = 2_000;
const BIGINT = 20;
const JSON_OID = 114;
const JSONB_OID = 3802;

/** What all connections share. */
export function connectionTo(url: string, answerWithinMs: number): pg.ClientConfig {
  return {
    connectionString: url,
    connectionTimeoutMillis: Math.min(CONNECT_WITHIN_MS, answerWithinMs),
    query_timeout: answerWithinMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
}

/** A new connection has no plans and no functions compiled: 20 to 30 ms of the run that comes after a pause. So these stay... */
const KEPT = 3;
/** ... and the others for so long after they were last needed, ms. */
const IDLE_MS = 60_000;
/** The database lets go of who is gone without a word after 30 s, and with that of the locks that were held. */
export const KEEP_ALIVE = 'set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 4';

export interface Connections {
  pool: pg.Pool;
  /** also where the database hangs, and would never say goodbye */
  end(): Promise<void>;
}

/** Opens connections that read bigint as a number: what is counted here stays far below 2^53.
 *  @param parseJson else JSON.parse */
export function openConnections(
  url: string,
  max: number,
  log: Log,
  answerWithinMs = ANSWER_WITHIN_MS,
  parseJson?: (json: string) => unknown,
): Connections {
  const sockets = trackedSockets();
  const pool = new pg.Pool({
    ...connectionTo(url, answerWithinMs),
    ...{ max, min: Math.min(max, KEPT), idleTimeoutMillis: IDLE_MS, stream: sockets.open },
    types: {
      getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
        if (oid === BIGINT) return Number;
        if (parseJson && (oid === JSON_OID || oid === JSONB_OID)) return parseJson;
        return pg.types.getTypeParser(oid, format as 'text');
      }) as typeof pg.types.getTypeParser,
    },
    // by statement, not by start-up parameter, which connection poolers refuse
    onConnect: (client) =>
      client.query(
        `set statement_timeout = ${answerWithinMs}; set idle_in_transaction_session_timeout = ${answerWithinMs}; ${KEEP_ALIVE}`,
      ) as unknown as undefined,
  });
  // A connection that breaks is replaced at the next query, and a query under way fails by itself; unheard, the event
  // would end the process.
  pool.on('error', (error) => log.warn({ error: String(error) }, 'A database connection was lost'));
  pool.on('connect', (client) => client.on('error', () => {}));
  return {
    pool,
    async end() {
      await Promise.race([pool.end(), delay(END_WITHIN_MS, undefined, { ref: false })]);
      sockets.destroy();
    },
  };
}

/**
 * Connections as Kysely takes them. One that failed is not used again: its answer may still come, or it leads to a
 * server that is no primary any more. Failures become StoreErrors where the database is away.
 */
export function kyselyPool({ pool, end }: Connections): PostgresPool {
  return {
    options: pool.options,
    end,
    async connect() {
      const client = await pool.connect().catch((error) => {
        throw asStoreError(error);
      });
      let broken = false;
      return {
        async query(text: string, values: unknown[]) {
          try {
            return await client.query(text, values);
          } catch (error) {
            broken ||= !isRefused(error);
            throw asStoreError(error);
          }
        },
        release: () => client.release(broken),
      } as unknown as PostgresPoolClient;
    },
  };
}

/** Sockets for clients of `pg`, which can be given up: a client would wait for the other side to say goodbye. */
export function trackedSockets() {
  const sockets = new Set<Socket>();
  return {
    open(): Socket {
      const socket = new Socket();
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      return socket;
    },
    destroy(): void {
      for (const socket of sockets) socket.destroy();
    },
  };
}
