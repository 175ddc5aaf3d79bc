import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { type Cadenza, connect } from '../../src/client/index.ts';
import { parseConfig } from '../../src/config/index.ts';
import { type MockProvider, mockProvider } from '../setup/mock-provider.ts';
import { testLog } from '../setup/test-log.ts';
import { until, untilEvent } from '../setup/until.ts';
import { freshStore } from '../store/fresh-store.ts';
import { kill9 } from './press-room.ts';
import { startExampleWorker } from './worker-process.ts';

const policy = { candidates: ['openai/gpt-6-sol'], cache: false as const };

let provider: MockProvider;
let cadenza: Cadenza;
let env: NodeJS.ProcessEnv;
let worker: ChildProcess | undefined;
let drop: () => Promise<void>;

beforeAll(async () => {
  provider = await mockProvider();
  const fresh = await freshStore();
  await fresh.store.close();
  drop = fresh.drop;
  const taskQueue = `announcements-${randomUUID()}`;
  const temporalAddress = process.env.CADENZA_TEST_TEMPORAL_ADDRESS!;
  env = {
    ...process.env,
    ...provider.env,
    CADENZA_DATABASE_URL: fresh.url,
    TEMPORAL_ADDRESS: temporalAddress,
    TASK_QUEUE: taskQueue,
  };
  const config = parseConfig({ workflows: { announcement: { taskQueue } } });
  cadenza = await connect({ temporalAddress, databaseUrl: fresh.url, env, config, log: testLog().log });
});
afterEach(async () => {
  if (worker?.exitCode === null && worker.signalCode === null) await kill9(worker);
});
afterAll(async () => {
  await cadenza.close();
  await provider.stop();
  await drop();
});

/** Starts an announcement, and kills its worker as soon as it waits for a person. */
async function waitingWithoutWorker(topic: string, patience: string) {
  worker = await startExampleWorker('approval', env);
  const { id } = await cadenza.startUnchecked('announcement', { topic, patience, policy });
  const { expiresAt } = await untilEvent(cadenza, id, 'approval.requested');
  await kill9(worker);
  return { id, expiresAt: Date.parse(expiresAt!) };
}

async function expectPublished(id: string, topic: string) {
  expect(await cadenza.result(id)).toEqual({
    published: `answer to: Write an announcement of two sentences about ${topic}.`,
    by: 'ann',
  });
  expect(provider.asked(topic)).toBe(1);
  const events = await Array.fromAsync(cadenza.events(id));
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  const resolved = events.filter(({ type }) => type === 'approval.resolved');
  expect(resolved).toEqual([expect.objectContaining({ approved: true, by: 'ann', comment: 'Go' })]);
}

test('an approval whose worker was down while it waited is answered when another worker is there', async () => {
  const { id } = await waitingWithoutWorker('topic-bridge', '3 days');
  expect((await cadenza.approvals(id)).map(({ approval }) => approval)).toEqual(['sign-off']);
  worker = await startExampleWorker('approval', env);
  await cadenza.approve(id, 'sign-off', { approved: true, by: 'ann', comment: 'Go' });
  await expectPublished(id, 'topic-bridge');
});

test('an answer given in time counts though no worker was there until the time was over', async () => {
  const { id, expiresAt } = await waitingWithoutWorker('topic-tunnel', '15 s');
  const receipt = await cadenza.approve(id, 'sign-off', { approved: true, by: 'ann', comment: 'Go' });
  expect(receipt).toEqual({ id, approval: 'sign-off', approved: true, taken: false });
  await until(() => Date.now() > expiresAt + 500 || undefined);
  await expect(cadenza.approve(id, 'sign-off', { approved: false, by: 'bob' })).rejects.toMatchObject({
    code: 'Conflict',
    error: { message: expect.stringContaining('expired') },
  });
  worker = await startExampleWorker('approval', env);
  await expectPublished(id, 'topic-tunnel');
});

test('an approval that expired while no worker was there is rejected by the next one', async () => {
  const { id, expiresAt } = await waitingWithoutWorker('topic-ferry', '2 s');
  await until(() => Date.now() > expiresAt || undefined);
  worker = await startExampleWorker('approval', env);
  expect(await cadenza.result(id)).toEqual({ heldBack: 'Nobody signed it off in time' });
});
