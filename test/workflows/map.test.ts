import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { MapItem } from '../../src/contract/index.ts';
import { failWith, promptOf } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';

let bed: TestBed;
beforeAll(async () => {
  bed = await testBed();
});
afterAll(() => bed.close());

const OPENAI = 'openai/gpt-6-sol';
const CLAUDE = 'anthropic/claude-sonnet-5-5';
const policy = { candidates: [OPENAI], cache: false as const };
const input = { prompt: 'Greet {{item.name}}' };
/** Names that no other name is part of. */
const rows = (count: number, prefix: string) =>
  Array.from({ length: count }, (_, n) => ({ name: `${prefix}${n + 1}.` }));
const outputOf = (id: string): Promise<MapItem[]> => Array.fromAsync(bed.client.output(id));
const textsOf = async (id: string) => (await outputOf(id)).map(({ answer }) => (answer as { text: string }).text);
const firstFor = (name: string, model: string, status: number) =>
  bed.provider.first(
    (request) => promptOf(request).includes(name) && request.model === model,
    failWith(status, 'not now'),
  );

test('each row is answered by the template, and the results come in the order of the rows', async () => {
  const items = rows(50, 'order');
  const run = await bed.client.start('map', {
    ...{ pattern: 'ask', items, policy },
    input: { prompt: 'Greet {{item.name}} ({{row}})' },
  });
  expect(await run.result()).toMatchObject({ done: 50, failed: 0 });

  const output = await outputOf(run.id);
  expect(output.map(({ row }) => row)).toEqual(items.map((_, index) => index + 1));
  expect(output[6]).toMatchObject({
    ...{ row: 7, input: { name: 'order7.' }, status: 'done' },
    answer: { text: 'answer to: Greet order7. (7)', model: OPENAI, finishReason: 'stop' },
  });
  expect((await bed.client.bill(run.id)).calls).toHaveLength(50);
});

test('readers are told how far it is, at most once a second, and not word by word', async () => {
  const run = await bed.client.start('map', { pattern: 'ask', items: rows(300, 'told'), input, policy });
  await run.result();
  const events = await bed.eventsOf(run.id);
  const progress = events.filter((event) => event.type === 'map.progress');
  const { totalUsd } = await bed.client.bill(run.id);
  expect(progress.at(-1)).toMatchObject({ done: 300, failed: 0, total: 300, secondsLeft: 0, usdLeft: 0 });
  expect(progress.at(-1)!.costUsd).toBeCloseTo(totalUsd!, 9);
  const seconds = (Date.parse(events.at(-1)!.at) - Date.parse(events[0]!.at)) / 1_000;
  // One at once, one at the end, and one for each second that has begun.
  expect(progress.length).toBeLessThanOrEqual(3 + seconds);
  expect(events.filter((event) => event.type === 'call.delta')).toEqual([]);
  const end = events.at(-1)!;
  expect(end.type === 'run.completed' && end.costUsd).toBeCloseTo(totalUsd!, 9);
});

test('a row is retried, falls back and is repaired as its policy says, and no attempt is made twice', async () => {
  firstFor('ladder1.', 'gpt-6-sol', 401);
  firstFor('ladder2.', 'gpt-6-sol', 500);
  let answers = 0;
  bed.provider.first(
    (request) => JSON.stringify(request.messages).includes('ladder3.'),
    () => {
      answers += 1;
      return { content: answers === 1 ? 'no JSON' : '{"greeting":"Hi"}' };
    },
  );
  bed.provider.first(
    (request) => /ladder[12]\./.test(promptOf(request)) && request.model === 'claude-sonnet-5-5',
    () => ({ content: '{"greeting":"Salut"}' }),
  );
  const schema = { type: 'object', properties: { greeting: { type: 'string' } }, required: ['greeting'] };
  const run = await bed.client.start('map', {
    ...{ pattern: 'ask', items: rows(3, 'ladder'), input: { ...input, schema } },
    policy: { candidates: [OPENAI, CLAUDE], cache: false, maxAttempts: 2 },
  });
  expect(await run.result()).toMatchObject({ done: 3, failed: 0 });
  expect((await outputOf(run.id)).map(({ answer }) => answer)).toMatchObject([
    { object: { greeting: 'Salut' }, model: CLAUDE },
    { object: { greeting: 'Salut' }, model: CLAUDE },
    { object: { greeting: 'Hi' }, model: OPENAI },
  ]);
  expect(bed.provider.asked('ladder1.', 'gpt-6-sol')).toBe(1);
  expect(bed.provider.asked('ladder2.', 'gpt-6-sol')).toBe(2);
  expect(bed.provider.asked('ladder3.', 'gpt-6-sol')).toBe(2);
  const events = await bed.eventsOf(run.id);
  expect(
    events
      .filter((event) => event.type === 'call.fallback')
      .map(({ step }) => step)
      .sort(),
  ).toEqual(['row/1', 'row/2']);
  // The three calls that answered, and the one whose answer had to be repaired.
  expect((await bed.client.bill(run.id)).calls).toHaveLength(4);
});

test('a row that names a route is sent where the route says', async () => {
  const route = {
    strategy: 'rules' as const,
    rules: [{ when: { minTokens: 10 }, choose: CLAUDE }],
    default: OPENAI,
  };
  const run = await bed.client.start('map', {
    ...{ pattern: 'ask', items: [{ name: 'routed.' }, { name: `routed${' on and on'.repeat(9)}.` }], policy },
    input: { prompt: 'Greet {{item.name}}', route },
  });
  expect(await run.result()).toMatchObject({ done: 2, failed: 0 });
  expect((await outputOf(run.id)).map(({ answer }) => (answer as { model: string }).model)).toEqual([OPENAI, CLAUDE]);
});

test('failed rows are listed with their errors, and another map runs them alone', async () => {
  firstFor('flaky4.', 'gpt-6-sol', 400);
  firstFor('flaky9.', 'gpt-6-sol', 400);
  const map = { pattern: 'ask', items: rows(12, 'flaky'), input, policy };
  const run = await bed.client.start('map', map);
  expect(await run.result()).toMatchObject({ done: 10, failed: 2 });
  expect(await bed.client.items(run.id, { status: 'failed', limit: 1 })).toMatchObject({
    items: [{ row: 4, input: { name: 'flaky4.' }, status: 'failed', error: { type: 'InvalidRequest', status: 400 } }],
    nextAfter: 4,
  });
  const events = await bed.eventsOf(run.id);
  expect(events.flatMap(({ type, step }) => (type === 'step.failed' ? [step] : [])).sort()).toEqual(['row/4', 'row/9']);
  const next = await bed.client.items(run.id, { status: 'failed', after: 4 });
  expect(next.items.map(({ row }) => row)).toEqual([9]);
  expect(next.nextAfter).toBeUndefined();

  const other = { ...policy, candidates: [CLAUDE] };
  const again = await bed.client.start('map', { ...map, policy: other, after: run.id });
  expect(await again.result()).toMatchObject({ done: 12, failed: 0 });
  expect(bed.provider.asked('flaky', 'claude-sonnet-5-5')).toBe(2);
  expect(await textsOf(again.id)).toEqual(map.items.map(({ name }) => `answer to: Greet ${name}`));
  expect((await bed.client.bill(again.id)).calls).toHaveLength(2);
});

test('other patterns run each row as a run of its own, and the history of the map holds no row', async () => {
  firstFor('nested2.', 'gpt-6-sol', 400);
  firstFor('nested2.', 'claude-sonnet-5-5', 400);
  const run = await bed.client.start('map', {
    ...{ pattern: 'compare', items: rows(4, 'nested'), policy: { ...policy, maxAttempts: 1 } },
    input: { prompt: 'Greet {{item.name}}', models: [OPENAI, CLAUDE] },
  });
  expect(await run.result()).toMatchObject({ done: 3, failed: 1 });
  const output = await outputOf(run.id);
  expect(output[2]).toMatchObject({ answer: { answers: [{ text: 'answer to: Greet nested3.' }, { model: CLAUDE }] } });
  expect(output[1]!.error).toMatchObject({ type: 'InvalidRequest', step: 'row/2' });
  expect(await bed.client.show(`${run.id}/3`)).toMatchObject({ pattern: 'compare', status: 'completed' });

  const bills = await Promise.all([1, 2, 3, 4].map((row) => bed.client.bill(`${run.id}/${row}`)));
  const progress = (await bed.eventsOf(run.id)).findLast((event) => event.type === 'map.progress')!;
  expect(progress.type === 'map.progress' && progress.costUsd).toBeCloseTo(
    bills.reduce((sum, { totalUsd }) => sum + totalUsd!, 0),
    9,
  );
  const history = await historyText(run.id);
  expect(history).toContain('"secondsLeft"');
  expect(history).not.toContain('nested3.');
  expect(history).not.toContain('answer to');
});

test('rows are no templates of the chain that is run for each', async () => {
  const items = [{ q: 'Dear {{input.secret}}, hi' }, { q: 'Use {{user.name}} in Handlebars' }];
  const steps = [{ id: 's1', prompt: 'Summarise for \\{{input.who}}: {{item.q}}' }];
  const given = { input: { secret: 'TOP-SECRET', who: 'Ann' }, steps };
  const run = await bed.client.start('map', { pattern: 'chain', items, input: given, policy });
  expect(await run.result()).toMatchObject({ done: 2, failed: 0 });
  const outputs = (await outputOf(run.id)).map(({ answer }) => (answer as { output: string }).output);
  expect(outputs).toEqual(items.map(({ q }) => `answer to: Summarise for Ann: ${q}`));
});

test('no more is spent than the budget, rows beyond it fail and cost nothing, and what is affordable is done', async () => {
  const first = await bed.client.start('map', { pattern: 'ask', items: rows(1, 'price'), input, policy });
  await first.result();
  const { totalUsd: price } = await bed.client.bill(first.id);
  // The worst case of one row is most of the budget: rows beside it are refused while it is being asked.
  const run = await bed.client.start(
    'map',
    { pattern: 'ask', items: rows(40, 'poor'), input, policy: { ...policy, maxOutputTokens: 60 }, concurrency: 16 },
    { budgetUsd: price! * 12 },
  );
  const { done, failed } = (await run.result()) as { done: number; failed: number };
  expect(done + failed).toBe(40);
  expect(done).toBeGreaterThanOrEqual(4);
  expect(failed).toBeGreaterThan(0);
  expect(bed.provider.asked('poor')).toBe(done);
  const bill = await bed.client.bill(run.id);
  expect(bill.calls).toHaveLength(done);
  expect(bill.totalUsd!).toBeLessThanOrEqual(price! * 12);
  const { items } = await bed.client.items(run.id, { status: 'failed' });
  expect(items.every(({ error }) => error!.type === 'BudgetExceeded')).toBe(true);
});

test('a map that was stopped goes on under its id, and repeats no finished row', async () => {
  const pace = { streamingProfile: { ttft: 150 } };
  const slow = (name: string) => ({ content: `slowly: ${name}` });
  bed.provider.first(
    (request) => promptOf(request).includes('stop'),
    (request) => slow(promptOf(request)),
    pace,
  );
  const map = { pattern: 'ask', items: rows(60, 'stop'), input, policy, concurrency: 4 };
  const id = `stopped-${bed.taskQueue}`;
  const run = await bed.client.start('map', map, { id });
  for await (const event of run.events()) {
    if (event.type === 'map.progress' && event.done >= 8) break;
  }
  await bed.client.cancel(id);
  await expect(run.result()).rejects.toMatchObject({ code: 'RunCancelled' });
  const finished = await outputOf(id);
  expect(finished.length).toBeGreaterThanOrEqual(8);
  expect(finished.length).toBeLessThan(60);

  const resumed = await bed.client.start('map', map, { id });
  expect(resumed.isNew).toBe(true);
  const events = await Array.fromAsync(resumed.events());
  expect(events.at(-1)?.type).toBe('run.completed');
  expect(await resumed.result()).toMatchObject({ done: 60, failed: 0 });
  for (const { input: item } of finished) expect(bed.provider.asked((item as { name: string }).name)).toBe(1);
  expect(await textsOf(id)).toEqual(map.items.map(({ name }) => `slowly: Greet ${name}`));
  expect((await bed.client.start('map', map, { id })).isNew).toBe(false);
});

test('a plain Temporal client starts a map with its rows in the input', async () => {
  const workflowId = `plain-map-${bed.taskQueue}`;
  const result = await bed.temporal.workflow.execute('map', {
    ...{ workflowId, taskQueue: bed.taskQueue },
    args: [{ pattern: 'ask', items: rows(5, 'plain'), input, policy }],
  });
  expect(result).toMatchObject({ done: 5, failed: 0, output: expect.stringMatching(/^data-/) });
  expect((await textsOf(workflowId))[4]).toBe('answer to: Greet plain5.');
});

test('the output of a map is data for another', async () => {
  const run = await bed.client.start('map', { pattern: 'ask', items: rows(3, 'twofold'), input, policy });
  const { output } = (await run.result()) as { output: string };
  const again = await bed.client.start('map', {
    ...{ pattern: 'ask', source: output, policy },
    input: { prompt: 'Shorten: {{item.answer.text}} of {{item.input.name}}' },
  });
  await again.result();
  expect((await textsOf(again.id))[1]).toBe('answer to: Shorten: answer to: Greet twofold2. of twofold2.');
});

test('a row without what the template needs fails by itself, and is not asked', async () => {
  const items = [{ name: 'lacking1.' }, { nom: 'lacking2.' }, { name: '' }, { name: { first: 'lacking4.' } }];
  const run = await bed.client.start('map', { pattern: 'ask', items, input: { prompt: '{{item.name}}' }, policy });
  expect(await run.result()).toMatchObject({ done: 1, failed: 3 });
  const { items: failed } = await bed.client.items(run.id, { status: 'failed' });
  expect(failed.map(({ error }) => error!.message)).toEqual([
    'Row 2 has no item.name',
    expect.stringMatching(/^Row 3, input\.prompt: /),
    expect.stringMatching(/^Row 4, input\.prompt: /),
  ]);
  expect(bed.provider.asked('lacking2')).toBe(0);
});

const items = [{ name: 'never' }];
const rejected: [name: string, map: object, path: string, says: RegExp][] = [
  [
    'a field no row has',
    { pattern: 'ask', items, input: { prompt: '{{item.nam}}' } },
    'input.input.prompt',
    /Did you mean "name"/,
  ],
  [
    'a name that means nothing',
    { pattern: 'ask', items, input: { prompt: '{{name}}' } },
    'input.input.prompt',
    /nothing is called "name"/,
  ],
  [
    'braces that never close',
    { pattern: 'ask', items, input: { prompt: '{{item.name' } },
    'input.input.prompt',
    /never close/,
  ],
  [
    'a field the pattern has not',
    { pattern: 'ask', items, input: { promt: '{{item.name}}' } },
    'input.input.promt',
    /no such field/,
  ],
  ['an unknown pattern', { pattern: 'asks', items }, 'input.pattern', /Did you mean "ask"/],
  ['a map of maps', { pattern: 'map', items }, 'input.pattern', /cannot be a map/],
  ['items and source', { pattern: 'ask', items, source: 'data-1' }, 'input.items', /either/],
  ['an unknown data set', { pattern: 'ask', source: 'data-none' }, 'input.source', /no data set/],
  ['an unknown earlier map', { pattern: 'ask', items, after: 'nothing' }, 'input.after', /no map "nothing"/],
  [
    'an unknown model',
    { pattern: 'ask', items, input: { prompt: 'x', policy: { candidates: ['openai/gpt-7'] } } },
    'input.input.policy.candidates[0]',
    /gpt-7/,
  ],
  ['too many at once', { pattern: 'ask', items, concurrency: 1_000 }, 'input.concurrency', /256/],
];

test.each(rejected)('%s is refused before anything starts', async (name, map, path, says) => {
  const id = `no-map-${name.replaceAll(' ', '-')}-${bed.taskQueue}`;
  await expect(bed.client.startUnchecked('map', map, { id })).rejects.toMatchObject({
    ...{ code: 'InvalidRequest', message: expect.stringMatching(says) },
    error: { type: 'InvalidRequest', path },
  });
  await expect(bed.client.show(id)).rejects.toMatchObject({ code: 'NotFound' });
});

test('an earlier map over other data is refused', async () => {
  const run = await bed.client.start('map', { pattern: 'ask', items: rows(2, 'other'), input, policy });
  await run.result();
  const wrong = bed.client.start('map', { pattern: 'ask', items: rows(3, 'other'), input, policy, after: run.id });
  await expect(wrong).rejects.toMatchObject({
    error: { path: 'input.after' },
    message: expect.stringMatching(/other data/),
  });
});

/** What the payloads of a history say. */
async function historyText(id: string): Promise<string> {
  const { events } = await bed.temporal.workflow.getHandle(id).fetchHistory();
  return textsIn(events).join('\n');
}

function textsIn(value: unknown): string[] {
  if (value instanceof Uint8Array) return [Buffer.from(value).toString()];
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(textsIn) : [];
}
