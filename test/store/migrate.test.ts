import { fork } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import { openStore } from '../../src/store/index.ts';
import { MIGRATIONS } from '../../src/store/migrations/index.ts';
import { freshDatabase, query } from './fresh-store.ts';

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

test('a database that is not there is said to be so, without its password', async () => {
  const failure = await openStore({ url: 'postgres://someone:s3cret@127.0.0.1:1/none' }).catch((error) => error);
  expect(String(failure)).toContain('ECONNREFUSED');
  expect(`${failure} ${JSON.stringify(failure)} ${failure.stack}`).not.toContain('s3cret');
});
