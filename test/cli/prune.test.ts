import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { fillDatabase } from '../setup/fill-database.ts';
import { type FreshStore, freshStore } from '../store/fresh-store.ts';
import { cadenza } from './command-line.ts';

let fresh: FreshStore;
beforeAll(async () => {
  fresh = await freshStore();
  // ended from 990 to 99 days ago: by the defaults 6 of them are to go, and the calls of all
  await fillDatabase(fresh.url, { runs: 10, calls: 1, days: 990 });
});
afterAll(() => fresh.drop());

const prune = (...flags: string[]) =>
  cadenza(['prune', '--json', ...flags], {
    env: { TEMPORAL_ADDRESS: process.env.CADENZA_TEST_TEMPORAL_ADDRESS!, CADENZA_DATABASE_URL: fresh.url },
  });

test('prune --dry-run counts what prune then takes away', async () => {
  const preview = await prune('--dry-run');
  expect(preview).toMatchObject({ code: 0, stderr: '' });
  const { rows } = JSON.parse(preview.stdout);
  expect(rows).toMatchObject({ runs: 6, 'bill lines': 6, calls: 10 });
  expect((await fresh.store.runs.list({})).runs).toHaveLength(10);

  const done = await prune();
  expect(JSON.parse(done.stdout)).toMatchObject({ dryRun: false, rows: { runs: 6, 'bill lines': 6, calls: 10 } });
  expect((await fresh.store.runs.list({})).runs).toHaveLength(4);
  expect(JSON.parse((await prune('--dry-run')).stdout)).toMatchObject({ rows: {} });
});

test('nothing is pruned where Temporal does not say how long it keeps runs', async () => {
  const env = { TEMPORAL_ADDRESS: '127.0.0.1:1', CADENZA_DATABASE_URL: fresh.url };
  expect(await cadenza(['prune'], { env })).toMatchObject({ code: 1, stdout: '' });
});
