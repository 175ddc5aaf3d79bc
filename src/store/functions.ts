import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { type RawBuilder, sql } from 'kysely';
import type pg from 'pg';

/**
 * Writing lives in the database, so that a whole flush, and a call's beginning, is one round trip and one transaction.
 *
 * Everyone locks in the same order, hence no deadlocks: runs by chain, then what belongs to one run (calls,
 * reservations), then accounts by id. Each statement of a function sees what was committed before the locks were
 * got, which a single statement of many parts would not.
 */
const FOLDER = new URL('functions/', import.meta.url);

/** Those that are called from outside: the others run within them, under their settings, which cost some 30 µs a call to set. */
const ENTRIES = [
  ...['begin_call', 'claim_id', 'end_map_rows', 'lost_attempts', 'merge_text', 'settle_accounts', 'write_batch'],
  ...['claim_probe', 'count_failure', 'count_success', 'end_tickets', 'learn_limits', 'next_tickets', 'take_ticket'],
];

/** The planner settings keep a plan that was made for empty tables from scanning full ones. */
const SETTINGS = {
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
};

export interface FunctionSet {
  /** the schema its functions are called in */
  schema: string;
  sources: string[];
}

/**
 * The functions of this version of Cadenza. They lie in a schema of their own that is named by their text: another
 * version brings its own ones along, and workers of both do their work beside each other while one is deployed.
 */
export const FUNCTIONS = functionSet(
  readdirSync(FOLDER)
    .sort()
    .map((file) => readFileSync(new URL(file, FOLDER), 'utf8')),
);

export function functionSet(sources: string[]): FunctionSet {
  const text = JSON.stringify([sources, SETTINGS, ENTRIES]);
  return { schema: `cadenza_${createHash('sha256').update(text).digest('hex').slice(0, 12)}`, sources };
}

/** Makes the functions unless they are there. To be called under the lock of the migrations. */
export async function installFunctions(client: pg.ClientBase, { schema, sources }: FunctionSet): Promise<void> {
  const { rows } = await client.query<{ made: boolean }>('select to_regnamespace($1) is not null as made', [schema]);
  if (rows[0]!.made) return;
  const settings = Object.entries(SETTINGS).map(([name, value]) => `set ${name} = ${value}`);
  // Functions find each other, and the tables, by the path they are made with.
  await client.query(`
    begin;
    create schema ${schema};
    select set_config('search_path', '${schema}, ' || current_setting('search_path'), true);
    ${sources.join('\n')}
    do $$
    declare made regprocedure;
    begin
      for made in select oid from pg_proc where pronamespace = '${schema}'::regnamespace
        and proname = any ('{${ENTRIES.join(',')}}') loop
        execute format('alter function %s set search_path from current ${settings.join(' ')}', made);
      end loop;
    end $$;
    commit`);
}

/** The qualified name of a function, for a query. */
export function called(name: string): RawBuilder<unknown> {
  return sql.raw(`${FUNCTIONS.schema}.${name}`);
}
