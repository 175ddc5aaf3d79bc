import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type OutageBed, outageBed } from '../setup/outage-bed.ts';

const DAY = 86_400_000;
let bed: OutageBed;

beforeAll(async () => {
  bed = await outageBed('steps');
});
afterAll(() => bed.close());

test('an outage of two weeks is a wait: the step answers when it is over, in one history', async () => {
  const began = await bed.beginOutage(14 * DAY);
  const { time, peer, taskQueue } = bed;
  const workflowId = `outage-${taskQueue}`;
  const policy = { candidates: ['house/m'], maxAttempts: 1, patience: '15 days' };
  const handle = await time.client.workflow.start('generate', {
    workflowId,
    taskQueue,
    args: [{ prompt: 'Still there?', policy }],
  });
  expect(await handle.result()).toMatchObject({ text: 'fine' });

  const { historyLength, closeTime } = await handle.describe();
  const tookDays = (closeTime!.getTime() - began) / DAY;
  expect(tookDays).toBeGreaterThanOrEqual(14);
  expect(tookDays).toBeLessThan(14.1);
  expect(historyLength).toBeLessThan(20_000);
  console.log(`14 days: ${peer.sent.length} requests, ${historyLength} events of history`);
}, 300_000);
