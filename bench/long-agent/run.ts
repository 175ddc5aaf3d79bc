/**
 * An agent of 300 turns, each a model call and a tool call: what a turn takes among the first 50 and among the last 50.
 * What grows with the length of a run (history, replay, what a call reads) shows as a ratio above 1.
 *
 *   node bench/long-agent/run.ts [--turns 300] [--rounds 3] [--json]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { LLMock } from '@copilotkit/aimock';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { z } from 'zod';
import { parseConfig } from '../../src/config/index.ts';
import { findTemporalCli, startPostgres, startTemporal } from '../../src/local/index.ts';
import { defineTool } from '../../src/tools/index.ts';
import { startWorker } from '../../src/workers/index.ts';
import { quantile, table } from '../first-token/statistics.ts';

const { values } = parseArgs({
  options: {
    turns: { type: 'string', default: '300' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'boolean' },
  },
});
const TURNS = Number(values.turns);
const EDGE = Math.min(50, Math.floor(TURNS / 2));
const WARM_UP = 50;
const ROOT = path.resolve(import.meta.dirname, '../..');

Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: 'temporalio=error', forward: {} } },
});
const home = await mkdtemp(path.join(os.tmpdir(), 'cadenza-bench-'));
const provider = new LLMock({ port: 0, journalMaxEntries: 1 });
provider.on({ predicate: () => true }, ({ messages }) => {
  const turns = Number(/do (\d+)/.exec(JSON.stringify(messages[0]))![1]);
  const n = messages.filter(({ role }) => role === 'tool').length;
  return n < turns ? { toolCalls: [{ name: 'look_up', arguments: JSON.stringify({ n }) }] } : { content: 'done' };
});
const url = await provider.start();
const postgres = await startPostgres({ dir: path.join(home, 'postgres'), port: 0, log: () => {} });
const temporal = await startTemporal({
  cli: findTemporalCli(path.join(ROOT, '.cadenza')) ?? 'temporal',
  dbFile: path.join(home, 'temporal.db'),
  port: 0,
  uiPort: 0,
  namespace: 'default',
  log: () => {},
});
const lookUp = defineTool({
  name: 'look_up',
  description: 'Looks something up.',
  input: z.object({ n: z.number() }),
  replay: 'safe',
  run: ({ n }) => `The fact of number ${n} is that it comes after ${n - 1}, as far as anybody knows.`,
});
const { client, drain } = await startWorker({
  databaseUrl: postgres.url,
  temporalAddress: temporal.address,
  namespace: 'default',
  taskQueue: 'long-agent',
  config: parseConfig({ tools: [lookUp] }),
  log: { debug() {}, info() {}, warn() {}, error: console.error },
  env: { ...process.env, CADENZA_HOME: path.join(ROOT, '.cadenza'), OPENAI_API_KEY: 'sk-bench', OPENAI_BASE_URL: url },
});

/** @returns ms of each turn, from the end of the one before, and what the last history holds */
async function longAgent(turns: number): Promise<{ ms: number[]; events: number; bytes: number }> {
  const policy = { candidates: ['openai/gpt-6-sol'] };
  const input = { task: `Look up, do ${turns}`, tools: ['look_up'], maxSteps: turns + 1, policy };
  const ms: number[] = [];
  let before = performance.now();
  const run = await client.start('agent', input);
  for await (const event of run.events()) {
    if (event.type === 'run.failed') throw new Error(event.error.message);
    if (event.type !== 'tool.completed') continue;
    ms.push(performance.now() - before);
    before = performance.now();
  }
  await run.result();
  const connection = await Connection.connect({ address: temporal.address });
  const { raw, historyLength } = await new Client({ connection }).workflow.getHandle(run.id).describe();
  await connection.close();
  return { ms, events: historyLength, bytes: Number(raw.workflowExecutionInfo!.historySizeBytes) };
}

try {
  await longAgent(WARM_UP);
  const rounds: Awaited<ReturnType<typeof longAgent>>[] = [];
  for (let round = 0; round < Number(values.rounds); round += 1) rounds.push(await longAgent(TURNS));
  const median = (stretch: (ms: number[]) => number[]) =>
    quantile(
      rounds.flatMap(({ ms }) => stretch(ms)),
      0.5,
    );
  const first = median((ms) => ms.slice(0, EDGE));
  const last = median((ms) => ms.slice(-EDGE));
  const { events, bytes } = rounds.at(-1)!;
  const result = { turns: TURNS, firstMs: first, lastMs: last, ratio: last / first, events, bytes };
  if (values.json) console.log(JSON.stringify(result));
  else {
    console.log(
      table([
        {
          turns: String(TURNS),
          [`first ${EDGE}, ms a turn`]: first.toFixed(1),
          [`last ${EDGE}`]: last.toFixed(1),
          ratio: (last / first).toFixed(2),
          'events of the last history': String(events),
          'its bytes': String(bytes),
        },
      ]),
    );
  }
} finally {
  await drain();
  await temporal.stop();
  await postgres.stop();
  await provider.stop();
  await rm(home, { recursive: true, force: true });
}
