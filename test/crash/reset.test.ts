import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { defaultPayloadConverter } from '@temporalio/common';
import { failWith, mockProvider, promptOf } from '../setup/mock-provider.ts';
import { resetToStart } from '../setup/reset.ts';
import { type StepBed, stepBed } from '../setup/step-bed.ts';
import { until } from '../setup/until.ts';

/** Answers with a number that says the how-manieth request it is: nothing that is asked again has the same answer. */
let asked = 0;
let bed: StepBed;
beforeAll(async () => {
  const provider = await mockProvider(async (request) => {
    asked += 1;
    const nth = asked;
    // The last branch is the quickest, the first time.
    if (promptOf(request).includes('about a.')) await new Promise((resolve) => setTimeout(resolve, 700));
    if (promptOf(request).includes('about b.')) await new Promise((resolve) => setTimeout(resolve, 350));
    return { content: `${promptOf(request)} (${nth})` };
  });
  bed = await stepBed(provider);
});
afterAll(() => bed.close());

const policy = { candidates: ['openai/gpt-6-sol'], cache: false as const };

/** Resets a run, and waits until it is over again. */
async function again(id: string): Promise<unknown> {
  await resetToStart(bed.temporal, id);
  return bed.temporal.workflow.getHandle(id).result();
}

test('a run reset to its first step asks no finished call again', async () => {
  const models = ['openai/gpt-6-sol', 'anthropic/claude-sonnet-5-5'];
  const run = await bed.client.start('compare', { prompt: 'Reset me', models, policy });
  const first = await run.result();
  const before = await bed.client.bill(run.id);

  await resetToStart(bed.temporal, run.id);
  expect(await bed.client.result(run.id)).toEqual(first);
  expect(bed.provider.asked('Reset me')).toBe(2);
  expect(await bed.client.bill(run.id)).toEqual(before);
  const events = await bed.eventsOf(run.id);
  expect(events.filter((event) => event.type === 'call.completed')).toHaveLength(2);
  expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1));
});

test('a step that a second candidate answered is not asked of the first one again, though it is back', async () => {
  bed.provider.first(
    ({ model, messages }) => model.startsWith('gpt') && JSON.stringify(messages).includes('Fall back') && down,
    failWith(401, 'no such key'),
  );
  let down = true;
  const candidates = ['openai/gpt-6-sol', 'anthropic/claude-sonnet-5-5'];
  const run = await bed.client.start('ask', { prompt: 'Fall back', policy: { ...policy, candidates } });
  const first = await run.result();
  expect(first.model).toBe('anthropic/claude-sonnet-5-5');

  down = false;
  expect(await again(run.id)).toEqual(first);
  expect(bed.provider.asked('Fall back')).toBe(2);
});

test('branches at once that share their names keep their answers, in whatever order they come after a reset', async () => {
  const id = `branches-${bed.taskQueue}`;
  const first = await bed.step<string[]>('branches', ['a', 'b', 'c'], id);
  const [bill, before] = [await bed.client.bill(id), asked];
  expect(bill.calls).toHaveLength(6);

  expect(await again(id)).toEqual(first);
  expect(asked).toBe(before);
  expect(await bed.client.bill(id)).toEqual(bill);
});

test('the same question asked several times at once is as many calls, and no more after a reset', async () => {
  const id = `samples-${bed.taskQueue}`;
  const first = await bed.step<string[]>('samples', 4 as never, id);
  expect(new Set(first).size).toBe(4);
  const before = asked;

  expect(new Set((await again(id)) as string[])).toEqual(new Set(first));
  expect(asked).toBe(before);
});

test('a chain reset to its start does not pay the calls of its sub-runs again', async () => {
  const steps = [
    { id: 'plan', prompt: 'Plan it' },
    { id: 'inner', pattern: 'ask', input: { prompt: 'Within: {{steps.plan.text}}', policy } },
    { id: 'each', forEach: '{{input.topics}}', pattern: 'chain', input: chainWithin() },
  ];
  const run = await bed.client.start('chain', { policy, input: { topics: ['x', 'y'] }, steps } as never);
  const first = await run.result();
  const ids = [run.id, `${run.id}/inner`, `${run.id}/each.0`, `${run.id}/each.1/leaf`];
  const billsOf = () => Promise.all(ids.map((id) => bed.client.bill(id)));
  const [bills, before] = [await billsOf(), asked];
  expect(bills.map(({ calls }) => calls.length)).toEqual([1, 1, 1, 1]);

  await resetToStart(bed.temporal, run.id);
  expect(await bed.client.result(run.id)).toEqual(first);
  expect(asked).toBe(before);
  expect(await billsOf()).toEqual(bills);
  for (const id of ids) {
    expect((await bed.client.show(id)).status).toBe('completed');
    const events = await bed.eventsOf(id);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(events.filter(({ type }) => type === 'call.completed')).toHaveLength(1);
  }
});

test('a tick of a cron schedule asks anew, and one that is reset does not', async () => {
  const id = `tick-${bed.taskQueue}`;
  const handle = await bed.temporal.workflow.start('tick', {
    workflowId: id,
    taskQueue: `${bed.taskQueue}-steps`,
    cronSchedule: '@every 1s',
  });
  try {
    await until(() => (bed.provider.asked('What is new?') >= 3 ? true : undefined));
  } finally {
    await handle.terminate('enough');
  }
  const runs = await until(async () => {
    const found = await Array.fromAsync(bed.temporal.workflow.list({ query: `WorkflowId = "${id}"` }));
    const answered = await Promise.all(found.map(async ({ runId }) => ({ runId, answer: await answerOf(id, runId) })));
    const ticks = answered.filter(({ answer }) => answer !== undefined);
    return ticks.length >= 2 ? ticks : undefined;
  });
  expect(new Set(runs.map(({ answer }) => answer)).size).toBe(runs.length);

  const [tick] = runs;
  const reset = await resetToStart(bed.temporal, id, tick!.runId);
  try {
    expect(await until(() => answerOf(id, reset))).toBe(tick!.answer);
  } finally {
    await bed.temporal.workflow.getHandle(id).terminate('enough');
  }
});

/** What a run of a cron workflow gave: each ends as if it went on in the next. */
async function answerOf(id: string, runId: string): Promise<string | undefined> {
  const { events } = await bed.temporal.workflow.getHandle(id, runId).fetchHistory();
  const result = events!.at(-1)!.workflowExecutionCompletedEventAttributes?.result?.payloads?.[0];
  return result ? defaultPayloadConverter.fromPayload<string>(result) : undefined;
}

function chainWithin() {
  return {
    policy,
    input: { topic: '{{item}}' },
    steps: [
      { id: 'own', prompt: 'Own of {{input.topic}}' },
      { id: 'leaf', pattern: 'ask', input: { prompt: 'Leaf of {{steps.own.text}}', policy } },
    ],
  };
}
