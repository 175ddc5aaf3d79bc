import { fork } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import { type Kysely, sql } from 'kysely';
import pg from 'pg';
import { FUNCTIONS, functionSet } from '../../src/store/functions.ts';
import { openStore } from '../../src/store/index.ts';
import { ADVISORY_LOCK, MIGRATIONS, migrate } from '../../src/store/migrate.ts';
import { testLog } from '../setup/test-log.ts';
import { freshDatabase, freshStore, query } from './fresh-store.ts';
import { newKey, newRun, reply } from './samples.ts';

test('four processes that start at once on an empty database all come up, and each change is made once', async () => {
  const { url, drop } = await freshDatabase();
  const exits = [1, 2, 3, 4].map(async (n) => {
    const child = fork(new URL('write-many.ts', import.meta.url), [url, '[]', `p${n}`], { execArgv: [] });
    return (await once(child, 'exit'))[0];
  });
  expect(await Promise.all(exits)).toEqual([0, 0, 0, 0]);
  const made = await query<{ name: string }>(url, 'select name from kysely_migration order by name');
  expect(made.map(({ name }) => name)).toEqual(Object.keys(MIGRATIONS));
  const store = await openStore({ url });
  await store.ping();
  await store.close();
  await drop();
});

test('a store opens at once on a database that has all of it, whoever changes it meanwhile', async () => {
  const { url, drop } = await freshDatabase(process.env.CADENZA_TEST_TEMPLATE);
  const changing = new pg.Client({ connectionString: url });
  await changing.connect();
  await changing.query('select pg_advisory_lock($1)', [ADVISORY_LOCK]);
  const store = await openStore({ url });
  await store.ping();
  await store.close();
  await changing.end();
  await drop();
});

test('a database that is not there is said to be so, without its password', async () => {
  const failure = await openStore({ url: 'postgres://someone:s3cret@127.0.0.1:1/none' }).catch((error) => error);
  expect(String(failure)).toContain('ECONNREFUSED');
  expect(`${failure} ${JSON.stringify(failure)} ${failure.stack}`).not.toContain('s3cret');
});

test('workers of two versions do their work beside each other, with the functions each brought along', async () => {
  const { url, drop } = await freshDatabase();
  const old = await openStore({ url });
  const newer = functionSet(
    FUNCTIONS.sources.map((source) => source.replace('v_epoch integer := 1;', 'v_epoch integer := 1; -- changed')),
  );
  expect(newer.schema).not.toBe(FUNCTIONS.schema);
  await migrate(url, testLog().log, MIGRATIONS, newer);
  const call = { key: newKey(), run: newRun(), step: 's', model: 'a/1' };
  expect(await old.journal.begin({ ...call, worstCaseUsd: 0.1 })).toMatchObject({ state: 'open', epoch: 1 });
  await old.journal.end({ ...call, epoch: 1 }, { reply: reply(), completesStep: true });
  const [{ answer } = { answer: undefined }] = await query<{ answer: object }>(
    url,
    `select ${newer.schema}.begin_call('${JSON.stringify({ key: call.key })}') as answer`,
  );
  expect(answer).toMatchObject({ state: 'finished' });
  await old.close();
  await drop();
});

test('a worker of the version before starts on a database that a newer one has changed', async () => {
  const { url, drop } = await freshDatabase();
  const added = { up: async (db: Kysely<unknown>) => void (await sql`create table later (id text)`.execute(db)) };
  await migrate(url, testLog().log, { ...MIGRATIONS, '9999-later': added });
  const store = await openStore({ url });
  await store.ping();
  await store.close();
  await drop();
});

test('what a map gave is its tenant’s, also where a worker wrote it that knew no tenants of data', async () => {
  const { store, url, drop } = await freshStore();
  const run = { ...newRun(), tenant: 'acme' };
  await store.journal.begin({ key: newKey(), run, step: 's', model: 'a/1', worstCaseUsd: 0.1 });
  await query(url, `insert into data_sets (id, count, map) values ('data-old', 1, '${run.chain}')`);
  expect(await store.dataSets.find('data-old', 'acme')).toMatchObject({ id: 'data-old', count: 1 });
  expect(await store.dataSets.find('data-old', 'other')).toBeUndefined();
  await drop();
});
