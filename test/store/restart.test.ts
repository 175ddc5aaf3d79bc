import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import type { RunEvent } from '../../src/contract/index.ts';
import { startPostgres } from '../../src/local/index.ts';
import { openStore } from '../../src/store/index.ts';
import { newKey, newRun, reply, until } from './samples.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

test('PostgreSQL killed and started again costs no event, writes none twice, and readers go on', async () => {
  const home = mkdtempSync(path.join(os.tmpdir(), 'cadenza-restart-'));
  // PostgreSQL's own user must be able to pass through, when the test runs as root
  chmodSync(home, 0o711);
  const start = (port: number) =>
    startPostgres({ dir: path.join(home, 'pg'), port, exactPort: port !== 0, log: () => {} });
  let postgres = await start(0);
  const { url, port } = postgres;
  closing.push(async () => {
    await postgres.stop();
    rmSync(home, { recursive: true });
  });
  const store = await openStore({ url });
  closing.push(() => store.close());
  const run = newRun();
  const seen: RunEvent[] = [];
  const following = (async () => {
    for await (const event of store.events.follow(run.id)) seen.push(event);
  })();

  const writing: Promise<unknown>[] = [];
  const write = (n: number) => writing.push(store.events.append(run, [{ type: 'verdict', verdict: n }]));
  for (let n = 0; n < 50; n++) write(n);
  await until(() => seen.length > 10);
  for (let n = 50; n < 100; n++) write(n);
  process.kill(postgres.pid, 'SIGKILL');
  await postgres.exited;
  for (let n = 100; n < 150; n++) write(n);
  const key = newKey();
  const beginning = store.journal.begin({ key, run, step: 's', model: 'a/1', worstCaseUsd: null });
  postgres = await start(port);
  await Promise.all(writing);
  expect(await beginning).toMatchObject({ state: 'open', epoch: 1 });
  await store.journal.end({ key, run, step: 's', model: 'a/1', epoch: 1 }, { reply: reply(), completesStep: true });
  await store.events.record(run, [{ type: 'run.completed', costUsd: 0.01, key: 'end' }]);
  await following;

  expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, index) => index + 1));
  const verdicts = seen.flatMap((event) => (event.type === 'verdict' ? [event.verdict] : []));
  expect(verdicts).toEqual(Array.from({ length: 150 }, (_, n) => n));
  expect(seen.at(-1)?.type).toBe('run.completed');
});
