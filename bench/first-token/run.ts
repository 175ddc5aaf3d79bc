/**
 * How long until the first token, and for three steps: Cadenza beside the bare SDK and beside plain Temporal, in one run
 * against one provider on this machine. Contenders take turns, so that a drift of the machine meets all of them.
 *
 *   node bench/first-token/run.ts [--rounds 60] [--json]
 */
import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Client } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import OpenAI from 'openai';
import { connectWith } from '../../src/client/index.ts';
import { parseConfig } from '../../src/config/index.ts';
import type { Policy } from '../../src/contract/index.ts';
import { findTemporalCli, startPostgres, startTemporal } from '../../src/local/index.ts';
import { openRooms } from '../../src/runtime/open-rooms.ts';
import { pluginOf } from '../../src/workers/plugin.ts';
import { plainActivities } from './plain-activities.ts';
import { pairedRatio, spread, table } from './statistics.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '60' }, json: { type: 'boolean' } } });
const ROUNDS = Number(values.rounds);
const WARM_UP = 10;
const MODEL = 'gpt-6-sol';
const policy: Policy = { candidates: [`openai/${MODEL}`], cache: false };

Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: 'temporalio=error', forward: {} } },
});
const quiet = { debug() {}, info() {}, warn() {}, error: console.error };
const home = await mkdtemp(path.join(os.tmpdir(), 'cadenza-bench-'));
const providerProcess = fork(fileURLToPath(new URL('./provider.ts', import.meta.url)));
const [{ url: providerUrl }] = (await once(providerProcess, 'message')) as [{ url: string }];
const postgres = await startPostgres({ dir: path.join(home, 'postgres'), port: 0, log: () => {} });
const cli = findTemporalCli(path.resolve('.cadenza')) ?? 'temporal';
const temporal = await startTemporal({
  cli,
  dbFile: path.join(home, 'temporal.db'),
  port: 0,
  uiPort: 0,
  namespace: 'default',
  log: () => {},
});

const env = { ...process.env, OPENAI_API_KEY: 'sk-bench', OPENAI_BASE_URL: providerUrl };
const openai = new OpenAI({ apiKey: 'sk-bench', baseURL: `${providerUrl}/v1`, maxRetries: 0 });
const connection = await NativeConnection.connect({ address: temporal.address });
const rooms = await openRooms({ databaseUrl: postgres.url, config: parseConfig({}), env, log: quiet });
const taskQueue = 'bench';
const firstTokens = new Map<string, () => void>();
const worker = await Worker.create({
  connection,
  taskQueue,
  workflowsPath: fileURLToPath(new URL('./workflows.ts', import.meta.url)),
  activities: plainActivities(openai, MODEL, (prompt) => firstTokens.get(prompt)?.()),
  plugins: [pluginOf(rooms)],
});
const running = worker.run();
const cadenza = connectWith({ connection, namespace: 'default', taskQueue, rooms, eager: () => true });
const plain = new Client({ connection });

/** Contenders for the first token: each resolves with it. @returns ms */
const toFirstToken: Record<string, () => Promise<void>> = {
  async 'bare SDK'() {
    const stream = await openai.responses.create({ model: MODEL, input: `q ${randomUUID()}`, stream: true });
    for await (const event of stream) if (event.type === 'response.output_text.delta') break;
  },
  async 'Cadenza run, read from its events'() {
    const run = await cadenza.startUnchecked('ask', { prompt: `q ${randomUUID()}`, policy });
    for await (const event of run.events()) if (event.type === 'call.delta') break;
  },
  async 'plain Temporal activity, no stream to a reader'() {
    const topic = `q ${randomUUID()}`;
    const first = new Promise<void>((resolve) => firstTokens.set(`${topic} 1`, resolve));
    const run = await plain.workflow.start('plainChain', { taskQueue, workflowId: randomUUID(), args: [{ topic }] });
    await first;
    await run.result();
  },
};

const threeSteps: Record<string, () => Promise<unknown>> = {
  'bare SDK, three calls': async () => {
    const { ask } = plainActivities(openai, MODEL, () => {});
    const topic = randomUUID();
    const one = await ask(`${topic} 1`);
    await ask(`${topic} 3 ${await ask(`${topic} 2 ${one}`)}`);
  },
  'plain Temporal activities': () => executePlain('plainChain', {}),
  'Cadenza, standard lane': () => executeEager({ policy }),
  'Cadenza, fast lane': () => executeEager({ policy: { ...policy, lane: 'fast' } }),
};

function executePlain(type: string, more: object) {
  return plain.workflow.execute(type, {
    taskQueue,
    workflowId: randomUUID(),
    args: [{ topic: randomUUID(), ...more }],
  });
}

async function executeEager(more: object) {
  const workflowId = randomUUID();
  const args = [{ topic: workflowId, ...more }];
  const options = { taskQueue, workflowId, args, requestEagerStart: true };
  return (await plain.workflow.start('cadenzaChain', options)).result();
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await act();
  return performance.now() - started;
}

async function race(contenders: Record<string, () => Promise<unknown>>): Promise<Record<string, number[]>> {
  const samples: Record<string, number[]> = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let round = -WARM_UP; round < ROUNDS; round += 1) {
    for (const [name, act] of Object.entries(contenders)) {
      const ms = await timed(act);
      if (round >= 0) samples[name]!.push(ms);
    }
  }
  return samples;
}

function report(title: string, samples: Record<string, number[]>) {
  const [base] = Object.values(samples);
  const rows = Object.entries(samples).map(([name, times]) => ({
    name,
    ...spread(times),
    ratio: pairedRatio(times, base!),
  }));
  if (values.json) {
    console.log(JSON.stringify({ title, rounds: ROUNDS, rows }));
    return;
  }
  const shown = rows.map(({ name, median, p90, ratio }) => ({
    [title]: name,
    'median ms': median.toFixed(1),
    'p90 ms': p90.toFixed(1),
    'ms more than the first': (median - rows[0]!.median).toFixed(1),
    ratio: ratio.toFixed(2),
  }));
  console.log(`\n${table(shown)}`);
}

try {
  report('first token', await race(toFirstToken));
  report('three steps', await race(threeSteps));
} finally {
  worker.shutdown();
  await running;
  await rooms.close();
  await connection.close();
  await temporal.stop();
  await postgres.stop();
  providerProcess.disconnect();
  await rm(home, { recursive: true, force: true });
}
