import { mock } from 'node:test';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { type MockProvider, mockProvider } from '../setup/mock-provider.ts';
import { skippedTime } from '../setup/skipped-time.ts';
import { until, untilEvent } from '../setup/until.ts';
import { type CrashBed, crashBed } from './crash-bed.ts';

const policy = { candidates: ['openai/gpt-6-sol'], cache: false as const };
const PATIENCE = '3 days';

let provider: MockProvider;
let time: TestWorkflowEnvironment;
let bed: CrashBed;

beforeAll(async () => {
  [provider, time] = await Promise.all([mockProvider(), skippedTime()]);
  // This server keeps what is for a worker that has the workflow for that one, also when it is gone: so none has.
  const env = { CACHED_WORKFLOWS: '0' };
  bed = await crashBed({ provider, workflow: 'announcement', temporalAddress: time.address, env });
});
afterEach(() => bed.kill());
afterAll(async () => {
  await bed.close();
  await time.teardown();
});

/** Starts an announcement, and kills its worker as soon as it waits for a person. */
async function waitingWithoutWorker(topic: string, patience: string) {
  await bed.start();
  const { id } = await bed.cadenza.startUnchecked('announcement', { topic, patience, policy });
  const { expiresAt } = await untilEvent(bed.cadenza, id, 'approval.requested');
  await bed.kill();
  return { id, expiresAt: Date.parse(expiresAt!) };
}

/** The patience passes, though a task waits for a worker: the server stops its time for that, unless told not to. */
async function skipPatience() {
  const testService = time.connection.testService!;
  await testService.unlockTimeSkipping({});
  await time.sleep(PATIENCE);
  await testService.lockTimeSkipping({});
}

async function expectPublished(id: string, topic: string) {
  expect(await bed.cadenza.result(id)).toEqual({
    published: `answer to: Write an announcement of two sentences about ${topic}.`,
    by: 'ann',
  });
  expect(provider.asked(topic)).toBe(1);
  const events = await Array.fromAsync(bed.cadenza.events(id));
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  const resolved = events.filter(({ type }) => type === 'approval.resolved');
  expect(resolved).toEqual([expect.objectContaining({ approved: true, by: 'ann', comment: 'Go' })]);
}

test('an approval whose worker was down while it waited is answered when another worker is there', async () => {
  const { id } = await waitingWithoutWorker('topic-bridge', PATIENCE);
  expect((await bed.cadenza.approvals(id)).map(({ approval }) => approval)).toEqual(['sign-off']);
  await bed.start();
  await bed.cadenza.approve(id, 'sign-off', { approved: true, by: 'ann', comment: 'Go' });
  await expectPublished(id, 'topic-bridge');
});

test('an answer given in time counts though no worker was there until the time was over', async () => {
  const { id, expiresAt } = await waitingWithoutWorker('topic-tunnel', PATIENCE);
  const receipt = await bed.cadenza.approve(id, 'sign-off', { approved: true, by: 'ann', comment: 'Go' });
  expect(receipt).toEqual({ id, approval: 'sign-off', approved: true, taken: false });

  await skipPatience();
  const clock = mock.method(Date, 'now', () => expiresAt + 1);
  const late = bed.cadenza.approve(id, 'sign-off', { approved: false, by: 'bob' });
  await expect(late.finally(() => clock.mock.restore())).rejects.toMatchObject({
    code: 'Conflict',
    error: { message: expect.stringContaining('expired') },
  });
  await bed.start();
  await expectPublished(id, 'topic-tunnel');
});

test('an approval that expired while no worker was there is rejected by the next one', async () => {
  const { id, expiresAt } = await waitingWithoutWorker('topic-ferry', '2 s');
  await until(async () => (await time.currentTimeMs()) > expiresAt || undefined);
  await bed.start();
  expect(await bed.cadenza.result(id)).toEqual({ heldBack: 'Nobody signed it off in time' });
});
