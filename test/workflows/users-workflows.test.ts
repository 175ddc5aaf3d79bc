import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mockProvider } from '../setup/mock-provider.ts';
import { type StepBed, stepBed } from '../setup/step-bed.ts';

let bed: StepBed;
beforeAll(async () => {
  bed = await stepBed(await mockProvider(), {
    workflowsPath: fileURLToPath(new URL('./users-workflows.ts', import.meta.url)),
  });
});
afterAll(() => bed.close());

function asked(workflowId: string, ...args: unknown[]): Promise<string> {
  const taskQueue = `${bed.taskQueue}-steps`;
  return bed.temporal.workflow.execute('question', { workflowId, taskQueue, args: [workflowId, ...args] });
}

test("a second argument that is the user's own is left alone", async () => {
  const id = `own-${bed.taskQueue}`;
  expect(await asked(id, { metadata: 7, colour: 'red' })).toBe(`answer to: ${id}`);
  expect((await bed.client.show(id)).tenant).toBeUndefined();
});

test('a second argument that is meant as options is read as such', async () => {
  const id = `options-${bed.taskQueue}`;
  await asked(id, { tenant: 'acme', budgetUsd: 1 });
  expect((await bed.client.show(id)).tenant).toBe('acme');
});

test('options with a mistake fail the run, instead of being dropped with tenant and budget', async () => {
  const id = `mistake-${bed.taskQueue}`;
  await expect(asked(id, { tenant: 'acme', budget: 1 })).rejects.toMatchObject({
    cause: { type: 'InvalidRequest', details: [{ path: 'options.budget' }] },
  });
  expect(bed.provider.asked(id)).toBe(0);
  expect(await bed.client.show(id)).toMatchObject({ tenant: 'acme', status: 'failed' });
});

test('a sub-run goes to the queue on which patterns run, as CADENZA_TASK_QUEUE says', async () => {
  const id = `sub-run-${bed.taskQueue}`;
  const answer = await bed.step('withSubRun', 'Within?' as never, id);
  expect(answer).toMatchObject({ text: 'answer to: Within?' });
  const { taskQueue } = await bed.temporal.workflow.getHandle(`${id}/inner`).describe();
  expect(taskQueue).toBe(bed.taskQueue);
});
