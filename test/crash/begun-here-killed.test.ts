import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import type { RunEvent } from '../../src/contract/index.ts';
import { type MockProvider, mockProvider, promptOf, USAGE } from '../setup/mock-provider.ts';
import { temporalWire } from '../setup/temporal-wire.ts';
import { until } from '../setup/until.ts';
import { type FreshStore, freshStore } from '../store/fresh-store.ts';
import { type Kill, killsDuring } from './crash-bed.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const RUNS = 8;
/** 20 by hand: CADENZA_TEST_KILLS=20 */
const KILLS = Number(process.env.CADENZA_TEST_KILLS || 3);
const STEPS = ['one', 'two', 'three'];

/** Gateway and worker in a process of its own. */
interface Served {
  url: string;
  process: ChildProcess;
}

let provider: MockProvider;
let fresh: FreshStore;
let connection: Connection;
const served: Served[] = [];
const taskQueue = `here-${randomUUID()}`;

beforeAll(async () => {
  provider = await mockProvider((request) => ({ content: `answer to: ${promptOf(request)}`, usage: USAGE }), {
    chunkSize: 3,
    streamingProfile: { ttft: 50, tps: 10 },
  });
  fresh = await freshStore();
  connection = await Connection.connect({ address: process.env.CADENZA_TEST_TEMPORAL_ADDRESS! });
});
afterAll(async () => {
  for (const each of served) await kill(each);
  await connection.close();
  await provider.stop();
  await fresh.drop();
});

async function serve(temporal = process.env.CADENZA_TEST_TEMPORAL_ADDRESS): Promise<Served> {
  const child = fork(path.join(ROOT, 'bin/cadenza.mjs'), ['serve', '--port', '0'], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      ...process.env,
      ...provider.env,
      ...{ CADENZA_HOME: path.join(ROOT, '.cadenza'), CADENZA_DATABASE_URL: fresh.url, CADENZA_TASK_QUEUE: taskQueue },
      ...{ TEMPORAL_ADDRESS: temporal, NODE_OPTIONS: '', CADENZA_LOG: 'error' },
    },
  });
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  const one = { url, process: child };
  served.push(one);
  return one;
}

async function kill({ process: child }: Served): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

const policy = { candidates: ['openai/gpt-6-sol'], cache: false, lane: 'direct' };

async function start({ url }: Served, prompt: string): Promise<string> {
  const answer = await post(url, { pattern: 'ask', input: { prompt, policy } });
  expect(answer.status).toBe(202);
  return ((await answer.json()) as { id: string }).id;
}

function post(url: string, run: object): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${url}/v1/runs`, { method: 'POST', headers, body: JSON.stringify(run) });
}

async function eventsOf({ url }: Served, id: string): Promise<RunEvent[]> {
  const text = await (await fetch(`${url}/v1/runs/${id}/events`)).text();
  return [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data!));
}

function expectWhole(events: RunEvent[], prompt: string): void {
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  const types = events.map(({ type }) => type);
  expect(types.filter((type) => /^run\./.test(type))).toEqual(['run.started', 'run.completed']);
  expect(types.filter((type) => type === 'call.started' || type === 'call.completed')).toHaveLength(2);
  const epoch = Math.max(...events.map((event) => ('epoch' in event ? Number(event.epoch) : 0)));
  const text = events.flatMap((event) => (event.type === 'call.delta' && event.epoch === epoch ? [event.text] : []));
  expect(text.join('')).toBe(`answer to: ${prompt}`);
}

test('runs that began before Temporal knew of them go on in another process, each asked again once at most', async () => {
  const [one, other] = await Promise.all([serve(), serve()]);
  const { activity } = new Client({ connection });
  // Nothing begins so before the server is seen to take runs in the direct lane.
  await eventsOf(one, await start(one, 'the first of all'));

  // Their activities go to both processes; the one that does not have the run waits for it.
  const calm = await Promise.all(
    Array.from({ length: RUNS }, (_, n) => `calm ${n}`).map(async (prompt) => {
      const id = await start(one, prompt);
      expectWhole(await eventsOf(n(prompt) % 2 === 0 ? one : other, id), prompt);
      return id;
    }),
  );
  for (const id of calm)
    expect(await fresh.store.runs.find(id)).toMatchObject({ chain: expect.stringMatching(/^direct:@/) });
  const requests = () => provider.requests().filter(({ text }) => text.includes('calm'));
  expect(requests()).toHaveLength(RUNS);
  await until(async () => {
    const states = await Promise.all(calm.map((id) => activity.getHandle(id).describe()));
    return states.every(({ status, attempt }) => status === 'COMPLETED' && attempt === 1) || undefined;
  });

  const prompts = Array.from({ length: RUNS }, (_, n) => `storm ${n}`);
  const ids = await Promise.all(prompts.map((prompt) => start(one, prompt)));
  await until(() => provider.asked('storm') === RUNS || undefined);
  await kill(one);
  for (const [index, id] of ids.entries()) expectWhole(await eventsOf(other, id), prompts[index]!);
  for (const prompt of prompts) {
    const asked = provider.requests().filter(({ text }) => text.includes(`"${prompt}"`));
    expect(asked.length).toBeLessThanOrEqual(2);
  }
  await until(async () => {
    const states = await Promise.all(ids.map((id) => activity.getHandle(id).describe()));
    return states.every(({ status }) => status === 'COMPLETED') || undefined;
  });
}, 120_000);

test('a run whose process is killed before it could tell Temporal goes on when its id is started again', async () => {
  const wire = await temporalWire();
  const [one, other] = await Promise.all([serve(wire.address), serve()]);
  await eventsOf(one, await start(one, 'the first of all'));
  const steps = [
    { id: 'one', prompt: 'step one, untold' },
    { id: 'two', prompt: 'step two, untold' },
  ];
  const run = { pattern: 'chain', input: { steps, policy }, id: 'untold' };
  wire.cut();
  const unanswered = post(one.url, run).catch(() => undefined);
  await until(() => provider.asked('step two, untold') === 1 || undefined);
  await kill(one);
  await unanswered;
  const begun = await fresh.store.runs.find('untold');
  expect(begun).toMatchObject({ chain: expect.stringMatching(/^direct:@/), status: 'running' });

  const again = await Promise.all([post(other.url, run), post(other.url, run)]);
  expect(again.map(({ status }) => status)).toEqual([202, 202]);
  const types = (await eventsOf(other, 'untold')).map(({ type }) => type);
  expect(types.filter((type) => type.startsWith('run.'))).toEqual(['run.started', 'run.completed']);
  expect(await fresh.store.runs.find('untold')).toMatchObject({ chain: begun!.chain, status: 'completed' });
  expect(['one', 'two'].map((step) => provider.asked(`step ${step}, untold`))).toEqual([1, 2]);
  wire.close();
}, 60_000);

test(`runs whose ids are given survive ${KILLS} kills of processes that begin them, however often they are started`, async () => {
  const both = await Promise.all([serve(), serve()]);
  for (const each of both) await eventsOf(each, await start(each, 'the first of all'));
  const chain = (topic: string) => ({
    ...{ id: topic, pattern: 'chain' },
    input: {
      policy: { ...policy, patience: '5 minutes' },
      steps: STEPS.map((id, nth) => ({
        id,
        prompt: nth === 0 ? `${topic} ${id}` : `${topic} ${id} after {{steps.${STEPS[nth - 1]}.text}}`,
      })),
    },
  });
  /** As a backend does that has no answer: it asks again, whom it may reach. */
  async function startUntilTaken(topic: string, first: number): Promise<void> {
    for (let nth = first; ; nth += 1) {
      const answer = await post(both[nth % 2]!.url, chain(topic)).catch(() => undefined);
      if (answer?.status === 202) return;
    }
  }
  const topics: string[] = [];
  const started: Promise<void>[] = [];
  const kills: Kill[] = [];
  for (let round = 0; round < KILLS; round += 1) {
    for (let nth = 0; nth < 4; nth += 1) {
      const topic = `topic-${round}-${nth}`;
      topics.push(topic);
      started.push(startUntilTaken(topic, nth));
    }
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 1_500));
    const from = Date.now();
    await kill(both[round % 2]!);
    both[round % 2] = await serve();
    kills.push({ from, to: Date.now() });
  }
  await Promise.all(started);
  for (const topic of topics) {
    const events = await eventsOf(both[0]!, topic);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    const ends = events.filter(({ type }) => type.startsWith('run.')).map(({ type }) => type);
    expect(ends).toEqual(['run.started', 'run.completed']);
    const completed = events.filter((event) => event.type === 'call.completed');
    expect(completed.map(({ step }) => step)).toEqual(STEPS);
    for (const { step, at } of completed) {
      const asked = provider.requests().filter(({ text }) => text.includes(`"${topic} ${step}`));
      expect(asked.filter((request) => request.at > Date.parse(at))).toEqual([]);
      expect(asked.length).toBeLessThanOrEqual(1 + killsDuring(kills, asked[0]!.at, Date.parse(at)));
    }
    const result = await (await fetch(`${both[0]!.url}/v1/runs/${topic}/result?waitSeconds=30`)).json();
    const expected = STEPS.reduce((before, id) => `answer to: ${topic} ${id}${before ? ` after ${before}` : ''}`, '');
    expect(result).toMatchObject({ output: expected });
  }
}, 300_000);

function n(prompt: string): number {
  return Number(/\d+/.exec(prompt)![0]);
}
