import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type TestBed, testBed } from '../setup/test-bed.ts';

let bed: TestBed;
beforeAll(async () => {
  bed = await testBed();
});
afterAll(() => bed.close());

test('a run reset to its first step asks no finished call again', async () => {
  const models = ['openai/gpt-6-sol', 'anthropic/claude-sonnet-5-5'];
  const policy = { candidates: models, cache: false as const };
  const run = await bed.client.start('compare', { prompt: 'Reset me', models, policy });
  const first = await run.result();
  const before = await bed.client.bill(run.id);

  const { executions } = { executions: await bed.temporal.workflow.getHandle(run.id).describe() };
  await bed.temporal.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: run.id, runId: executions.runId },
    reason: 'test',
    requestId: randomUUID(),
    // The end of the first workflow task: everything after it is done anew.
    workflowTaskFinishEventId: 4 as never,
  });

  expect(await bed.client.result(run.id)).toEqual(first);
  expect(bed.provider.asked('Reset me')).toBe(2);
  expect(await bed.client.bill(run.id)).toEqual(before);
  const events = await bed.eventsOf(run.id);
  expect(events.filter((event) => event.type === 'call.completed')).toHaveLength(2);
  expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1));
});
