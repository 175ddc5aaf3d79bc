import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { usageBelow, usageOf } from '../load/checkout.ts';
import type { Member } from '../storm/member.ts';
import type { Shape } from '../storm/shape.ts';

/** Parts of the shape that do work of their own. */
export const PARTS = ['worker', 'gateway', 'Temporal', 'Temporal PostgreSQL', 'Cadenza PostgreSQL'] as const;
export type Part = (typeof PARTS)[number];

const DATABASES = ['temporal', 'cadenza'] as const;

/** What some work has used, and what it left. */
export interface Used {
  ms: number;
  cpuMs: Record<Part, number>;
  /** transactions, and bytes of write-ahead log: what the disk has to take */
  commits: Record<(typeof DATABASES)[number], number>;
  walBytes: Record<(typeof DATABASES)[number], number>;
  /** kept, indexes included */
  rows: Record<(typeof DATABASES)[number], number>;
  bytes: Record<(typeof DATABASES)[number], number>;
}

/** Bookkeeping after the last answer belongs to the work too. */
const SETTLED_AFTER_MS = 3_000;

/** What everything used for some work, and left of it in the tables. */
export async function usedFor(shape: Shape, work: () => Promise<unknown>): Promise<Used> {
  const [keptBefore, before, began] = [await kept(shape), await spent(shape), performance.now()];
  await work();
  await delay(SETTLED_AFTER_MS);
  const [ms, after, keptAfter] = [performance.now() - began, await spent(shape), await kept(shape)];
  return { ms, ...differences(before, after), ...differences(keptBefore, keptAfter) };
}

/** Resident memory now; pages that processes share are shared out among them. */
export async function memoryMb({ members }: Shape): Promise<Record<Part, number>> {
  return byPart(members, 'memoryMb');
}

async function spent(shape: Shape) {
  const cpuMs = await byPart(shape.members, 'cpuMs');
  const [temporal, visibility, cadenza] = await inDatabases<{ commits: number; wal: number }>(
    shape,
    `select xact_commit::float8 as commits, (pg_current_wal_lsn() - '0/0')::float8 as wal
     from pg_stat_database where datname = current_database()`,
  );
  return {
    cpuMs,
    commits: { temporal: temporal!.commits + visibility!.commits, cadenza: cadenza!.commits },
    // Both of Temporal's databases have one log.
    walBytes: { temporal: temporal!.wal, cadenza: cadenza!.wal },
  };
}

async function kept(shape: Shape) {
  await inDatabases(shape, 'vacuum analyze');
  const [temporal, visibility, cadenza] = await inDatabases<{ rows: number; bytes: number }>(
    shape,
    `select coalesce(sum(n_live_tup), 0)::float8 as rows, coalesce(sum(pg_total_relation_size(relid)), 0)::float8 as bytes
     from pg_stat_user_tables`,
  );
  return {
    rows: { temporal: temporal!.rows + visibility!.rows, cadenza: cadenza!.rows },
    bytes: { temporal: temporal!.bytes + visibility!.bytes, cadenza: cadenza!.bytes },
  };
}

async function inDatabases<Row>(
  { temporalDatabaseUrl, databaseUrl }: Shape,
  statement: string,
): Promise<(Row | undefined)[]> {
  const visibility = new URL(temporalDatabaseUrl!);
  visibility.pathname = '/temporal_visibility';
  return Promise.all(
    [temporalDatabaseUrl!, visibility.href, databaseUrl].map(async (connectionString) => {
      const client = new pg.Client({ connectionString });
      await client.connect();
      try {
        return (await client.query(statement)).rows[0] as Row | undefined;
      } finally {
        await client.end();
      }
    }),
  );
}

async function byPart(members: Member[], field: 'cpuMs' | 'memoryMb'): Promise<Record<Part, number>> {
  const sums = Object.fromEntries(PARTS.map((part) => [part, 0])) as Record<Part, number>;
  for (const member of members) sums[partOf(member)] += (await usageOfMember(member))[field];
  return sums;
}

function partOf({ name, kind }: Member): Part {
  if (kind === 'temporal') return 'Temporal';
  if (kind === 'postgres') return name === 'postgres' ? 'Cadenza PostgreSQL' : 'Temporal PostgreSQL';
  return kind;
}

/** A PostgreSQL is a process for each connection, and some more. */
async function usageOfMember({ kind, pid }: Member): Promise<{ cpuMs: number; memoryMb: number }> {
  const own = await usageOf(pid()!);
  if (kind !== 'postgres') return own;
  const { PostgreSQL: below } = await usageBelow(pid()!);
  return { cpuMs: own.cpuMs + below.cpuMs, memoryMb: own.memoryMb + below.memoryMb };
}

type Figures = Record<string, Record<string, number>>;

function differences<Counted extends Figures>(before: Counted, after: Counted): Counted {
  const minus = (name: string) =>
    Object.fromEntries(Object.entries(after[name]!).map(([key, value]) => [key, value - before[name]![key]!]));
  return Object.fromEntries(Object.keys(after).map((name) => [name, minus(name)])) as Counted;
}
