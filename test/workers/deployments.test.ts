import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { auditedBy } from '../../src/client/audited.ts';
import { createDeployments, type Deployments } from '../../src/client/deployments.ts';
import { type Cadenza, connect } from '../../src/client/index.ts';
import { parseConfig } from '../../src/config/index.ts';
import { type RunningWorker, startWorker } from '../../src/workers/index.ts';
import { cadenza as command } from '../cli/command-line.ts';
import { type MockProvider, mockProvider, promptOf, TEST_KEYS, USAGE } from '../setup/mock-provider.ts';
import { testLog } from '../setup/test-log.ts';
import { until } from '../setup/until.ts';
import { type FreshStore, freshStore } from '../store/fresh-store.ts';

Runtime.install({ logger: new DefaultLogger('ERROR') });

const timeouts = { connectMs: 120_000, firstTokenMs: 120_000, totalMs: 120_000 };
const policy = { candidates: ['openai/gpt-6-sol'], maxAttempts: 1, timeouts, cache: false as const };
const deployment = `test-${randomUUID().slice(0, 8)}`;
const taskQueue = `test-${randomUUID()}`;
const temporalAddress = process.env.CADENZA_TEST_TEMPORAL_ADDRESS!;
const { log } = testLog();

/** A build of the code whose worker asks a provider of its own: whom a call reached says which build made it. */
interface Build {
  worker: RunningWorker;
  provider: MockProvider;
  asked(text: string): number;
  /** the prompt that holds `gate` has come, and waits until the gate is opened */
  arrived: Promise<void>;
  open(): void;
}

let fresh: FreshStore;
let connection: Connection;
let temporal: Client;
let client: Cadenza;
let deployments: Deployments;
const builds: Build[] = [];

beforeAll(async () => {
  fresh = await freshStore();
  connection = await Connection.connect({ address: temporalAddress });
  temporal = new Client({ connection });
  const config = parseConfig({});
  const env = { ...process.env, CADENZA_TASK_QUEUE: taskQueue, ...TEST_KEYS };
  client = await connect({ temporalAddress, databaseUrl: fresh.url, env, config, log });
  deployments = createDeployments(temporal, deployment, auditedBy(fresh.store, { role: 'admin' }));
});
afterAll(async () => {
  for (const { worker, provider } of builds) {
    await worker.drain();
    await provider.stop();
  }
  await client.close();
  await connection.close();
  await fresh.drop();
  await Runtime.instance().shutdown();
});

async function start(build: string): Promise<Build> {
  const [gate, arrival] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const provider = await mockProvider(async (request) => {
    const prompt = promptOf(request);
    if (prompt.startsWith('gate')) {
      arrival.resolve();
      await gate.promise;
    }
    return { content: `${build} on ${prompt}`, usage: USAGE };
  });
  const worker = await startWorker({
    ...{ temporalAddress, namespace: 'default', databaseUrl: fresh.url, config: parseConfig({}), log },
    env: {
      ...{ ...process.env, ...provider.env, CADENZA_TASK_QUEUE: taskQueue },
      ...{ CADENZA_DEPLOYMENT: deployment, CADENZA_BUILD: build },
    },
  });
  const started = { worker, provider, asked: provider.asked, arrived: arrival.promise, open: gate.resolve };
  builds.push(started);
  return started;
}

/** The builds that did the workflow tasks of a run's history, without repetition. */
async function buildsOf(id: string, runId?: string): Promise<string[]> {
  const { events } = await temporal.workflow.getHandle(id, runId).fetchHistory();
  const done = events!.flatMap(
    ({ workflowTaskCompletedEventAttributes: task }) => task?.deploymentVersion?.buildId ?? [],
  );
  return [...new Set(done)];
}

const textOf = async (run: { result(): Promise<unknown> }) => (await run.result()) as { text: string };

test('after a second build is deployed old runs end on the old one, new ones begin on it, and conversations move at their next turn', async () => {
  const one = await start('one');
  await deployments.promote('one', 20_000);
  const old = await client.start('chain', {
    policy,
    steps: [
      { id: 'first', prompt: 'gate of the old chain' },
      { id: 'then', prompt: 'after <{{steps.first.text}}>' },
      { id: 'sub', pattern: 'ask', input: { prompt: 'below the old chain', policy } },
    ],
    output: '{{steps.then.text}}',
  });
  const [talked, silent] = await Promise.all([1, 2].map(() => client.start('conversation', { policy })));
  for (const { id } of [talked!, silent!]) expect((await client.send(id, 'message 0')).text).toBe('one on message 0');
  const before = (await temporal.workflow.getHandle(talked!.id).describe()).runId;
  await one.arrived;

  const two = await start('two');
  // It is no reason to give it runs that its workers are there.
  expect(await textOf(await client.start('ask', { prompt: 'while it waits', policy }))).toMatchObject({
    text: 'one on while it waits',
  });
  await deployments.promote('two', 20_000);

  expect((await client.send(talked!.id, 'message 1')).text).toBe('two on message 1');
  expect([one.asked('message 1'), two.asked('message 1')]).toEqual([0, 1]);
  expect(await buildsOf(talked!.id, before)).toEqual(['one']);
  expect(await buildsOf(talked!.id)).toEqual(['two']);

  for (const lane of [undefined, 'direct' as const]) {
    const run = await client.start('ask', { prompt: `new, ${lane}`, policy }, { lane });
    expect(await textOf(run)).toMatchObject({ text: `two on new, ${lane}` });
  }
  const { name } = await client.schedules.create({
    ...{ name: taskQueue, pattern: 'ask', every: '1 day' },
    input: { prompt: 'of a schedule', policy },
  });
  await client.schedules.trigger(name);
  await until(() => two.asked('of a schedule') === 1 || undefined);
  await client.schedules.delete(name);
  one.open();
  expect(await old.result()).toMatchObject({ output: 'one on after <one on gate of the old chain>' });
  expect(one.asked('below the old chain')).toBe(1);
  expect(await buildsOf(old.id)).toEqual(['one']);

  // The one nobody talks with keeps the old build from being stopped, until it is asked to leave.
  const openOn = async (name: string) => {
    const args = ['deploy', 'status', '--deployment', deployment, '--json'];
    const env = { TEMPORAL_ADDRESS: temporalAddress, CADENZA_DATABASE_URL: fresh.url };
    const status = JSON.parse((await command(args, { env })).stdout);
    return status.builds.find(({ build }: { build: string }) => build === name);
  };
  await until(async () => ((await deployments.status()).builds.at(-1)?.openRuns === 1 ? true : undefined));
  expect(await openOn('one')).toMatchObject({ state: 'draining', openRuns: 1, workers: 1, taskQueues: [taskQueue] });
  expect(await openOn('two')).toMatchObject({ state: 'current', openRuns: 1, workers: 1 });
  expect(await deployments.drain('one')).toBe(1);
  await until(async () => ((await deployments.status()).builds.at(-1)?.openRuns === 0 ? true : undefined));
  expect((await client.send(silent!.id, 'message 1')).text).toBe('two on message 1');
  const { entries } = await client.audit();
  const kept = entries.map(({ action, details }) => `${action} ${details.build}`);
  expect(kept).toEqual(['build.drain one', 'build.promote two', 'build.promote one']);
  await expect(deployments.drain('two')).rejects.toThrow('New runs begin on the build "two"');
}, 180_000);

test('a build without a worker is given no runs', async () => {
  await expect(deployments.promote('three')).rejects.toMatchObject({ code: 'Conflict', error: { path: 'build' } });
});
