import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Runtime } from '@temporalio/worker';
import { parseConfig } from '../../src/config/index.ts';
import { type LocalPostgres, startPostgres } from '../../src/local/index.ts';
import { type RunningWorker, startWorker } from '../../src/workers/index.ts';
import { type ChatPeer, chatPeer } from '../setup/chat-peer.ts';
import { testLog } from '../setup/test-log.ts';
import { until } from '../setup/until.ts';

const RUNS = 50;
const WORDS = 40;
/** ms the outage lasts beyond the streams it cuts through: by hand, 20 minutes were tried too */
const LONGER_MS = Number(process.env.CADENZA_TEST_OUTAGE_MS ?? 0);

const home = mkdtempSync(path.join(os.tmpdir(), 'cadenza-away-'));
const dir = path.join(home, 'postgres');
const { log, logged } = testLog();
let postgres: LocalPostgres;
let peer: ChatPeer;
let worker: RunningWorker;
let answered = 0;

beforeAll(async () => {
  chmodSync(home, 0o711);
  postgres = await startPostgres({ dir, port: 0, log: () => {} });
  peer = await chatPeer((prompt) => ({
    words: Array.from({ length: WORDS }, (_, n) => `${prompt}-${n} `),
    paceMs: 50,
    onEnd: () => {
      answered += 1;
    },
  }));
  worker = await startWorker({
    temporalAddress: process.env.CADENZA_TEST_TEMPORAL_ADDRESS!,
    namespace: 'default',
    databaseUrl: postgres.url,
    config: parseConfig({ providers: { house: peer.provider } }),
    env: process.env,
    log,
    taskQueue: `away-${randomUUID()}`,
  });
});
afterAll(async () => {
  await worker.drain();
  await postgres.stop();
  await peer.stop();
  rmSync(home, { recursive: true, force: true });
  await Runtime.instance().shutdown();
});

/** The server and its connections' processes, as the system has them now. */
function processes(): number[] {
  const listed = execFileSync('ps', ['-eo', 'pid=,ppid=']).toString().trim().split('\n');
  const all = listed.map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
  return [postgres.pid, ...all.filter(([, parent]) => parent === postgres.pid).map(([pid]) => pid)];
}

const outages: [string, () => void, () => Promise<unknown>][] = [
  [
    'killed, and started again later',
    () => process.kill(postgres.pid, 'SIGKILL'),
    async () => {
      postgres = await startPostgres({ dir, port: postgres.port, exactPort: true, log: () => {} });
    },
  ],
  [
    'hung, with all its connections open',
    () => {
      for (const pid of processes()) process.kill(pid, 'SIGSTOP');
    },
    async () => {
      for (const pid of processes()) process.kill(pid, 'SIGCONT');
    },
  ],
];

test.each(outages)(
  `${RUNS} streaming runs outlive a PostgreSQL that is %s: nothing is paid twice, no answer is thrown away`,
  async (name, begin, end) => {
    const word = name.slice(0, 4);
    const { client } = worker;
    answered = 0;
    const asked = peer.sent.length;
    const start = (n: number) =>
      client.start('ask', {
        prompt: `${word}${n}`,
        policy: {
          candidates: ['house/m'],
          cache: false,
          maxAttempts: 1,
          // Shorter than the database hangs, long enough for fifty streams on a busy machine.
          timeouts: { betweenTokensMs: 10_000, totalMs: 14_000 },
        },
      });
    const runs = await Promise.all(Array.from({ length: RUNS }, (_, n) => start(n)));
    await until(() => peer.sent.length === asked + RUNS || undefined);

    begin();
    const complaints = logged.length;
    await until(() => answered === RUNS || undefined);
    await until(() => logged.slice(complaints).some((line) => line.includes('does not answer')) || undefined);
    await delay(LONGER_MS);
    await end();

    for (const [n, run] of runs.entries()) {
      const { text } = await run.result();
      expect(text).toBe(Array.from({ length: WORDS }, (_, word_) => `${word}${n}-${word_} `).join(''));
      const events = await Array.fromAsync(client.events(run.id));
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
      expect(events.filter(({ type }) => type === 'call.retrying')).toEqual([]);
      const told = events.map((event) => (event.type === 'call.delta' ? event.text : '')).join('');
      expect(told).toBe(text);
      expect((await client.bill(run.id)).calls).toHaveLength(1);
    }
    expect(peer.sent).toHaveLength(asked + RUNS);
  },
  180_000 + LONGER_MS,
);
