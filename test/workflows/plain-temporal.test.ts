import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { historyBytes } from '../setup/history.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';

let bed: TestBed;
beforeAll(async () => {
  bed = await testBed();
});
afterAll(() => bed.close());

const policy = { candidates: ['anthropic/claude-sonnet-5-5'] };

test('a pattern started by a plain Temporal client has its events, bill and search attributes', async () => {
  const workflowId = `plain-${bed.taskQueue}`;
  const answer = await bed.temporal.workflow.execute('ask', {
    workflowId,
    taskQueue: bed.taskQueue,
    args: [{ prompt: 'Plainly?', policy }, { tenant: 'acme' }],
  });
  expect(answer).toMatchObject({
    text: 'answer to: Plainly?',
    model: 'anthropic/claude-sonnet-5-5',
    finishReason: 'stop',
  });

  const events = await bed.eventsOf(workflowId);
  expect(events[0]).toMatchObject({ type: 'run.started', runId: workflowId, seq: 1, pattern: 'ask', tenant: 'acme' });
  expect(events.at(-1)?.type).toBe('run.completed');

  const bill = await bed.client.bill(workflowId);
  expect(bill.calls).toHaveLength(1);
  expect(bill.totalUsd).toBeGreaterThan(0);

  const { typedSearchAttributes } = await bed.temporal.workflow.getHandle(workflowId).describe();
  const attributes = Object.fromEntries(typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]));
  expect(attributes).toMatchObject({
    CadenzaPattern: 'ask',
    CadenzaTenant: 'acme',
    CadenzaModels: ['anthropic/claude-sonnet-5-5'],
    CadenzaCostUsd: bill.totalUsd,
  });
});

test('runs that ask by the same words have the same prompt hash, whatever they ask, and however they are started', async () => {
  const system = 'Be plain.';
  const workflowId = `plain-hash-${bed.taskQueue}`;
  const args = [{ system, prompt: 'One?', policy }];
  await bed.temporal.workflow.execute('ask', { workflowId, taskQueue: bed.taskQueue, args });
  const inputs = [
    { policy, prompt: 'Two?', system },
    { policy, prompt: 'Two?', system: 'Be rude.' },
  ];
  const runs = await Promise.all([
    ...inputs.map((input) => bed.client.start('ask', input)),
    bed.client.start('ask', inputs[0]!, { lane: 'direct' }),
  ]);
  for (const run of runs) await run.result();
  const shown = await Promise.all([workflowId, ...runs.map(({ id }) => id)].map((id) => bed.client.show(id)));
  const [plain, same, other, direct] = shown.map(({ promptHash }) => promptHash);
  expect(plain).toMatch(/^[0-9a-f]{14}$/);
  expect([same, direct]).toEqual([plain, plain]);
  expect(other).not.toBe(plain);
  expect((await bed.eventsOf(workflowId))[0]).toMatchObject({ type: 'run.started', promptHash: plain });
});

test('cached answers are shared among the runs of a cache scope alone, those of their steps too', async () => {
  const ask = async (cacheScope?: string) => {
    const input = { steps: [{ id: 'inner', pattern: 'ask', input: { prompt: 'Scoped?', policy } }] };
    await (await bed.client.start('chain', input as never, { cacheScope })).result();
    return bed.provider.asked('Scoped?');
  };
  expect([await ask(), await ask(), await ask('r2'), await ask('r2'), await ask('r3')]).toEqual([1, 1, 2, 2, 3]);
});

test('bad input given to plain Temporal fails the run with one clear message', async () => {
  const workflowId = `plain-bad-${bed.taskQueue}`;
  const started = bed.temporal.workflow.execute('ask', { workflowId, taskQueue: bed.taskQueue, args: [{ prompt: 1 }] });
  await expect(started).rejects.toMatchObject({
    cause: { type: 'InvalidRequest', message: expect.stringContaining('input.prompt') },
  });
  const events = await bed.eventsOf(workflowId);
  expect(events.map((event) => event.type)).toEqual(['run.started', 'run.failed']);
});

test("an option that does not exist fails the run, which is still its tenant's", async () => {
  const workflowId = `plain-options-${bed.taskQueue}`;
  const options = { tenant: 'acme', budgetUsd: 1, budgetEur: 2 };
  const args = [{ prompt: 'With options?', policy }, options];
  const started = bed.temporal.workflow.execute('ask', { workflowId, taskQueue: bed.taskQueue, args });
  await expect(started).rejects.toMatchObject({
    cause: { type: 'InvalidRequest', details: [{ path: 'options.budgetEur' }] },
  });
  expect(bed.provider.asked('With options?')).toBe(0);
  expect(await bed.client.show(workflowId)).toMatchObject({ tenant: 'acme', status: 'failed' });
});

test('a prompt of 1 MB runs, and its history stays under 64 KB', async () => {
  const prompt = `Sum this up: ${'the river bends again and again. '.repeat(32_000)}`;
  expect(prompt.length).toBeGreaterThan(1_000_000);
  bed.provider.first(
    (request) => JSON.stringify(request.messages).length > 1_000_000,
    () => ({ content: 'It bends.' }),
  );
  const run = await bed.client.start('ask', { prompt, policy });
  expect((await run.result()).text).toBe('It bends.');
  expect(await historyBytes(bed.temporal, run.id)).toBeLessThan(64 * 1024);
});

test('a result of many words is still readable to a plain client', async () => {
  const long = 'A long answer. '.repeat(6_000);
  bed.provider.first(
    (request) => JSON.stringify(request.messages).includes('at length'),
    () => ({ content: long }),
  );
  const answer = await bed.temporal.workflow.execute('ask', {
    workflowId: `plain-long-${bed.taskQueue}`,
    taskQueue: bed.taskQueue,
    args: [{ prompt: 'at length', policy }],
  });
  expect(answer.text).toBe(long);
});

test('the same id given twice gives the same run', async () => {
  const id = `twice-${bed.taskQueue}`;
  const first = await bed.client.start('ask', { prompt: 'Once?', policy }, { id });
  await first.result();
  const second = await bed.client.start('ask', { prompt: 'Twice?', policy }, { id });
  expect([first.isNew, second.isNew]).toEqual([true, false]);
  expect(await second.result()).toEqual(await first.result());
  expect(bed.provider.asked('Twice?')).toBe(0);
});

test('a budget that the call could exceed stops it before it is made', async () => {
  const run = await bed.client.start(
    'ask',
    { prompt: 'Expensive?', policy: { ...policy, maxOutputTokens: 10_000 } },
    { budgetUsd: 0.000_1 },
  );
  await expect(run.result()).rejects.toMatchObject({ error: { type: 'BudgetExceeded' } });
  expect(bed.provider.asked('Expensive?')).toBe(0);
  expect(await bed.client.bill(run.id)).toMatchObject({ totalUsd: 0, calls: [] });
});

const rejected: [name: string, pattern: string, input: unknown, path: string][] = [
  ['an unknown pattern', 'sing', { prompt: 'x' }, 'pattern'],
  ['a wrong type', 'ask', { prompt: 1 }, 'input.prompt'],
  ['an unknown field', 'ask', { prompt: 'x', tempo: 'fast' }, 'input.tempo'],
  ['no candidates', 'ask', { prompt: 'x', policy: { candidates: [] } }, 'input.policy.candidates'],
  [
    'a negative timeout',
    'ask',
    { prompt: 'x', policy: { candidates: ['openai/gpt-6-sol'], timeouts: { totalMs: -1 } } },
    'input.policy.timeouts.totalMs',
  ],
  ['an unknown model', 'ask', { prompt: 'x', policy: { candidates: ['openai/gpt-7'] } }, 'input.policy.candidates[0]'],
  ['an unknown provider', 'compare', { prompt: 'x', models: ['openai/gpt-6-sol', 'acme/one'] }, 'input.models[1]'],
  ['an unknown policy', 'ask', { prompt: 'x', policy: 'heroic' }, 'input.policy'],
  ['neither prompt nor messages', 'ask', {}, 'input.prompt'],
];

test.each(rejected)('%s is refused before anything starts', async (name, pattern, input, path) => {
  const id = `rejected-${name.replaceAll(' ', '-')}-${bed.taskQueue}`;
  await expect(bed.client.startUnchecked(pattern, input, { id })).rejects.toMatchObject({
    code: 'InvalidRequest',
    error: { type: 'InvalidRequest', path },
  });
  await expect(bed.client.show(id)).rejects.toMatchObject({ code: 'NotFound' });
});
