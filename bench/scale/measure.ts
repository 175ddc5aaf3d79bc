/**
 * What a run, a call, a token, a reader and an open conversation cost, on Temporal's server over PostgreSQL: processor time of
 * each part, transactions, write-ahead log, rows and bytes. One worker and one gateway; the provider is in this process and
 * speaks at an even pace. What is counted holds on a busy machine too: how long anything took does not come into it.
 *
 *   node bench/scale/measure.ts --temporal <folder with server and sql> [--runs 200] [--in-flight 20] [--save]
 *
 * `--save` writes measured.json beside this file, which simulate.ts reads.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Connection } from '@temporalio/client';
import { chatPeer } from '../../test/setup/chat-peer.ts';
import { table } from '../first-token/statistics.ts';
import { startShape } from '../storm/shape.ts';
import { type Cost, combined, type Measured } from './cost.ts';
import { memoryMb, PARTS, usedFor } from './usage.ts';

const { values } = parseArgs({
  options: {
    temporal: { type: 'string', default: '.' },
    runs: { type: 'string', default: '200' },
    'in-flight': { type: 'string', default: '20' },
    save: { type: 'boolean' },
  },
});
const RUNS = Number(values.runs);
/** words of answers */
const [FEW, MANY] = [20, 220];
/** ms between two words: at once they would be one event */
const PACE_MS = 20;
const STEPS = 5;
const READERS = 4;
const TURNS = 5;
const IDLE_SECONDS = 20;

type Start = { pattern: string; input: object };

const peer = await chatPeer((prompt) => {
  const words = Number(/(\d+) words/.exec(prompt)?.[1] ?? FEW);
  return { words: Array.from({ length: words }, (_, nth) => `word${nth} `), paceMs: PACE_MS };
});
const shape = await startShape({
  ...{ workers: 1, gateways: 1, shards: 4, programs: path.resolve(values.temporal) },
  ...{ env: { BENCH_PROVIDER_URL: peer.url }, folder: import.meta.dirname },
});
let stopping: Promise<unknown> | undefined;
const stop = () => (stopping ??= Promise.all([shape.stop(), peer.stop()]));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop().then(() => process.exit(130)));
const headers = { authorization: `Bearer ${shape.apiKey}`, 'content-type': 'application/json' };
try {
  const measured = await measure();
  report(measured);
  if (values.save) {
    const json = JSON.stringify(
      measured,
      (_, value) => (typeof value === 'number' ? Number(value.toPrecision(4)) : value),
      2,
    );
    writeFileSync(path.join(import.meta.dirname, 'measured.json'), `${json}\n`);
  }
} finally {
  await stop();
}

async function measure(): Promise<Measured> {
  const policyOf = (lane: string) => ({ candidates: ['bench/m'], cache: false, lane });
  const ask = (words: number, lane = 'standard'): Start => ({
    pattern: 'ask',
    input: { prompt: `Say ${words} words.`, policy: policyOf(lane) },
  });
  const chain = (lane: string): Start => {
    const steps = Array.from({ length: STEPS }, (_, nth) => ({ id: `s${nth}`, prompt: `Say ${FEW} words.` }));
    return { pattern: 'chain', input: { policy: policyOf(lane), steps } };
  };
  // Connections, plans and caches are there before anything is counted.
  for (const lane of ['standard', 'fast']) await runs(40, chain(lane));
  const idleMb = await memoryMb(shape);
  const idleSecond = await cost(IDLE_SECONDS, () => delay(IDLE_SECONDS * 1_000));
  const [oneAsk] = await runs(1, ask(FEW));
  const [oneChain] = await runs(1, chain('standard'));
  const transitions = { ask: await transitionsOf(oneAsk!), chain: await transitionsOf(oneChain!) };
  const few = await cost(RUNS, () => runs(RUNS, ask(FEW)), idleSecond);
  const many = await cost(RUNS, () => runs(RUNS, ask(MANY)), idleSecond);
  const read = await cost(RUNS, () => runs(RUNS, ask(MANY), READERS), idleSecond);
  const standard = await cost(RUNS, () => runs(RUNS, chain('standard')), idleSecond);
  const fastFew = await cost(RUNS, () => runs(RUNS, ask(FEW, 'fast')), idleSecond);
  const fast = await cost(RUNS, () => runs(RUNS, chain('fast')), idleSecond);
  let ids: string[] = [];
  const begin = async () => {
    ids = await atOnce(Array(RUNS).fill({ pattern: 'conversation', input: {} }), start);
  };
  const conversation = await cost(RUNS, begin, idleSecond);
  const openMb = await memoryMb(shape);
  const talking = ids.slice(0, RUNS / 2);
  const turn = await cost(talking.length * TURNS, () => atOnce(talking, talk), idleSecond);
  const aCall = (transitions.chain - transitions.ask) / (STEPS - 1);
  const aTurn = ((await transitionsOf(talking[0]!)) - (await transitionsOf(ids.at(-1)!))) / TURNS;

  const token = combined([1 / (MANY - FEW), many], [-1 / (MANY - FEW), few]);
  const further = (chained: Cost, one: Cost) => combined([1 / (STEPS - 1), chained], [-1 / (STEPS - 1), one]);
  return {
    ...{ idleSecond, token, turn, conversation },
    run: combined([1, few], [-1, further(standard, few)]),
    fastRun: combined([1, fastFew], [-1, further(fast, fastFew)]),
    call: combined([1, further(standard, few)], [-FEW, token]),
    fastCall: combined([1, further(fast, fastFew)], [-FEW, token]),
    readToken: combined([1 / (READERS * MANY), read], [-1 / (READERS * MANY), many]),
    transitions: { run: transitions.ask - aCall, call: aCall, turn: aTurn },
    memoryMb: { idle: idleMb, open: openMb, conversations: RUNS },
  };
}

/** Of one unit. @param idleSecond what everything costs by itself, which the work is not charged with */
async function cost(count: number, work: () => Promise<unknown>, idleSecond?: Cost): Promise<Cost> {
  const { ms, ...used } = await usedFor(shape, work);
  if (!idleSecond) return combined([1 / count, used]);
  // Rows of what goes on by itself come and go: they are not taken off.
  const nothing = { temporal: 0, cadenza: 0 };
  return combined([1 / count, used], [-ms / 1_000 / count, { ...idleSecond, rows: nothing, bytes: nothing }]);
}

/** @returns the ids */
async function runs(count: number, body: Start, readers = 0): Promise<string[]> {
  return atOnce(Array<Start>(count).fill(body), async (one) => {
    const id = await start(one);
    await Promise.all([...Array.from({ length: readers }, () => readEvents(id)), resultOf(id)]);
    return id;
  });
}

/** How often Temporal has written the state of a workflow: each time under the lock of its shard. */
async function transitionsOf(id: string): Promise<number> {
  const connection = await Connection.connect({ address: shape.temporalAddress });
  try {
    const execution = { workflowId: id };
    const { namespace } = shape;
    const { workflowExecutionInfo } = await connection.workflowService.describeWorkflowExecution({
      namespace,
      execution,
    });
    return Number(workflowExecutionInfo!.stateTransitionCount);
  } finally {
    await connection.close();
  }
}

/** So many of them at a time. */
async function atOnce<Item, Result>(items: Item[], work: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const one = async () => {
    for (let nth = next++; nth < items.length; nth = next++) results[nth] = await work(items[nth]!);
  };
  await Promise.all(Array.from({ length: Number(values['in-flight']) }, one));
  return results;
}

async function start(body: Start): Promise<string> {
  return ((await asked('POST', '/v1/runs', body)) as { id: string }).id;
}

async function resultOf(id: string): Promise<void> {
  await asked('GET', `/v1/runs/${id}/result?waitSeconds=60`);
}

async function readEvents(id: string): Promise<void> {
  const answer = await fetch(`${shape.url}/v1/runs/${id}/events`, { headers });
  for await (const _ of answer.body!);
}

async function talk(id: string): Promise<void> {
  for (let nth = 0; nth < TURNS; nth += 1)
    await asked('POST', `/v1/runs/${id}/messages`, { text: `Say ${FEW} words.` });
}

async function asked(method: string, place: string, body?: object): Promise<unknown> {
  const answer = await fetch(`${shape.url}${place}`, { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${place}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

function report({ memoryMb: memory, transitions, ...costs }: Measured): void {
  const short = (value: number) => (Math.abs(value) < 10 ? value.toFixed(3) : value.toFixed(0));
  const rows = Object.entries(costs).map(([what, { cpuMs, commits, walBytes, rows: kept, bytes }]) => ({
    what,
    ...Object.fromEntries(PARTS.map((part) => [`${part}, ms`, short(cpuMs[part])])),
    'commits T, C': `${short(commits.temporal)}, ${short(commits.cadenza)}`,
    'WAL T, C, bytes': `${short(walBytes.temporal)}, ${short(walBytes.cadenza)}`,
    'rows T, C': `${short(kept.temporal)}, ${short(kept.cadenza)}`,
    'bytes T, C': `${short(bytes.temporal)}, ${short(bytes.cadenza)}`,
  }));
  console.log(table(rows));
  const { run, call, turn } = transitions;
  console.log(
    `\nTemporal writes a workflow's state ${run} times for a run, ${call} for each call, ${turn} for a message`,
  );
  const resident = PARTS.map((part) => ({
    part,
    'MB idle': memory.idle[part]!.toFixed(0),
    [`MB with ${memory.conversations} conversations open`]: memory.open[part]!.toFixed(0),
  }));
  console.log(`\n${table(resident)}`);
}
