import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ChainDefinition, ForkEstimate, ForkRun } from '../../src/contract/index.ts';
import { failWith, mockProvider, promptOf } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { untilEvent } from '../setup/until.ts';

const gpt = 'openai/gpt-6-sol';
const claude = 'anthropic/claude-sonnet-5-5';
const dead = 'openai/gpt-6-luna';

let bed: TestBed;
beforeAll(async () => {
  // Whoever is asked what: an answer that says nothing of its model makes later requests equal, and so cached.
  const provider = await mockProvider((request) => ({
    content: `(${promptOf(request).slice(0, 40)})`,
    usage: { prompt_tokens: 100, completion_tokens: 10, input_tokens: 100, output_tokens: 10 },
  }));
  provider.first((request) => request.model === 'gpt-6-luna', failWith(401, 'no'));
  // Equal answers are one to a judge.
  const marked = JSON.stringify({ answers: { A: { reason: 'fine', score: 1 } }, reason: 'fine' });
  provider.first(
    (request) => promptOf(request).includes('Answer A:'),
    () => ({ content: marked }),
  );
  const prices = {
    [gpt]: { inputPerMillion: 1, outputPerMillion: 10 },
    [claude]: { inputPerMillion: 10, outputPerMillion: 100 },
  };
  bed = await testBed({ provider, config: { prices } });
});
afterAll(() => bed.close());

/** Six steps, each asking with what the one before gave; the first two candidates of `one` are told by its events. */
function six(word: string): ChainDefinition {
  const names = ['one', 'two', 'three', 'four', 'five', 'six'];
  return {
    policy: { candidates: [gpt] },
    steps: names.map((id, index) => ({
      id,
      prompt: index === 0 ? `${word} ${id}` : `${word} ${id} after {{steps.${names[index - 1]}.text}}`,
      ...(index === 0 ? { policy: { candidates: [dead, gpt] } } : {}),
    })),
  };
}

async function finishedChain(word: string) {
  const run = await bed.client.start('chain', six(word));
  const result = (await run.result()) as { steps: Record<string, { text: string }> };
  return { id: run.id, result, asked: bed.provider.asked(word) };
}

test('a fork from step 4 of 6 with another model asks the provider for exactly 3 calls', async () => {
  const old = await finishedChain('Forked');
  const fork = await bed.client.fork(old.id, { fromStep: 'four', overrides: { policy: claude } });
  const result = (await fork.result()) as typeof old.result;

  expect(fork).toMatchObject({ id: `${old.id}-fork-1`, pattern: 'chain', isNew: true });
  expect(bed.provider.asked('Forked') - old.asked).toBe(3);
  expect(bed.provider.asked('Forked four', 'claude-sonnet-5-5')).toBe(1);
  for (const step of ['one', 'two', 'three'])
    expect(result.steps[step]).toEqual({ ...old.result.steps[step], costUsd: 0 });

  const { calls, totalUsd } = await bed.client.bill(fork.id);
  expect(calls.map(({ step, model, cached }) => [step, model, cached])).toEqual([
    ...['one', 'two', 'three'].map((step) => [step, gpt, true]),
    ['four', claude, false],
    ...['five', 'six'].map((step) => [step, gpt, false]),
  ]);
  expect(totalUsd).toBeCloseTo(0.002 + 2 * 0.0002, 9);
  const events = await bed.eventsOf(fork.id);
  expect(events.filter(({ type }) => type === 'call.cached').map(({ step }) => step)).toEqual(['one', 'two', 'three']);
});

test('a fork with another prompt asks it in that step alone; a fork of the fork has its answers for free too', async () => {
  const old = await finishedChain('Prompted');
  const fork = await bed.client.fork(old.id, {
    fromStep: 'five',
    overrides: { prompt: 'Say it otherwise' },
    id: 'otherwise',
  });
  const { steps } = (await fork.result()) as typeof old.result;
  expect(fork.id).toBe('otherwise');
  expect(steps.five!.text).toBe('(Say it otherwise)');
  expect(bed.provider.asked('Prompted six after (Say it otherwise)')).toBe(1);

  const again = await bed.client.fork('otherwise', { fromStep: 'six' });
  await again.result();
  expect(bed.provider.asked('Say it otherwise')).toBe(3);
  expect(bed.provider.asked('Prompted') - old.asked).toBe(2);
  expect((await bed.client.fork(old.id, { fromStep: 'five', id: 'otherwise' })).isNew).toBe(false);
});

test('a step that is a run of its own is forked along', async () => {
  const inner = {
    pattern: 'chain',
    input: { policy: { candidates: [gpt] }, steps: [{ id: 'deep', prompt: 'Deep down' }] },
  };
  const old = await bed.client.start('chain', {
    policy: { candidates: [gpt] },
    steps: [
      { id: 'sub', ...inner },
      { id: 'last', prompt: 'Last of all, {{steps.sub.text}}' },
    ],
  } as ChainDefinition);
  await old.result();
  const fork = await bed.client.fork(old.id, { fromStep: 'last' });
  await fork.result();
  expect(bed.provider.asked('Deep down')).toBe(3);
  expect(
    bed.provider.requests().filter(({ text }) => text.includes('Deep down') && !text.includes('Last')),
  ).toHaveLength(1);
  expect(await bed.client.bill(`${fork.id}/sub`)).toMatchObject({ totalUsd: 0, calls: [{ cached: true }] });

  await expect(bed.client.fork(old.id, { fromStep: 'sub', overrides: { prompt: 'Other' } })).rejects.toMatchObject({
    error: { path: 'overrides' },
  });
});

test('a dry run says what the fork would cost and how sure that is, and starts nothing', async () => {
  const old = await finishedChain('Priced');
  const estimate = await bed.client.fork(old.id, { fromStep: 'four', overrides: { policy: claude }, dryRun: true });
  expect(estimate.steps.map(({ step, model }) => [step, model])).toEqual([
    ['four', claude],
    ['five', gpt],
    ['six', gpt],
  ]);
  // 100 tokens in and 10 out a call: 0.002 USD at the other model, 0.0002 at the old one
  expect(estimate.estimateUsd).toBeCloseTo(0.0024, 9);
  expect(estimate.steps[0]).toMatchObject({ lowUsd: 0.0013, highUsd: 0.0034 });
  expect(estimate.lowUsd).toBeLessThan(estimate.estimateUsd!);
  expect(estimate.highUsd).toBeGreaterThan(estimate.estimateUsd!);
  expect(bed.provider.asked('Priced')).toBe(old.asked);

  const fork = await bed.client.fork(old.id, { fromStep: 'four', overrides: { policy: claude } });
  await fork.result();
  const { totalUsd } = await bed.client.bill(fork.id);
  expect(totalUsd).toBeGreaterThanOrEqual(estimate.lowUsd!);
  expect(totalUsd).toBeLessThanOrEqual(estimate.highUsd!);
});

test('a dry run does not say what nobody knows: of a step that failed, still runs, or was not begun', async () => {
  const unknown = { estimateUsd: null, lowUsd: null, highUsd: null };
  const steps = (at: string) => [
    { id: 'a', prompt: `${at} first` },
    { id: 'b', prompt: `${at} second`, policy: { candidates: [at === 'Failing' ? dead : gpt] } },
    { id: 'c', prompt: `${at} third` },
  ];
  const policy = { candidates: [gpt], maxAttempts: 1 };
  const failed = await bed.client.start('chain', { policy, steps: steps('Failing') });
  await expect(failed.result()).rejects.toThrow();
  const dryRun = (id: string, given: object) => bed.client.fork(id, { ...given, dryRun: true } as ForkRun);
  expect(await dryRun(failed.id, { fromStep: 'b', overrides: { prompt: 'now fine' } })).toEqual({
    ...unknown,
    steps: [{ step: 'b', model: dead, ...unknown }],
  });
  expect(await dryRun(failed.id, { fromStep: 'b', overrides: { policy: claude } })).toMatchObject({
    ...unknown,
    steps: [{ step: 'b', model: claude, ...unknown }],
  });
  const [first, second] = ((await dryRun(failed.id, { fromStep: 'a' })) as ForkEstimate).steps;
  expect([first, second]).toMatchObject([
    { step: 'a', estimateUsd: expect.any(Number) },
    { step: 'b', ...unknown },
  ]);

  bed.provider.first(
    (request) => promptOf(request).startsWith('Running second'),
    () => ({ content: 'word '.repeat(400) }),
    { chunkSize: 16, streamingProfile: { ttft: 20, tps: 20 } },
  );
  const running = await bed.client.start('chain', { policy, steps: steps('Running') });
  await untilEvent(bed.client, running.id, 'call.delta', ({ step }) => step === 'b');
  const meanwhile = { ...unknown, steps: [{ step: 'b', model: gpt, ...unknown }] };
  expect(await dryRun(running.id, { fromStep: 'b' })).toEqual(meanwhile);
  await bed.client.cancel(running.id);
  await untilEvent(bed.client, running.id, 'run.cancelled');
  // What had streamed is on the bill.
  expect(await dryRun(running.id, { fromStep: 'b' })).toMatchObject({
    ...unknown,
    steps: [{ step: 'b', model: gpt, estimateUsd: expect.any(Number) }],
  });

  const compared = await bed.client.start('compare', { prompt: 'Compared, priced?', models: [gpt, dead] });
  await compared.result();
  expect(await dryRun(compared.id, { fromStep: dead, only: true })).toMatchObject({ ...unknown, steps: [unknown] });
  expect(await dryRun(compared.id, { fromStep: gpt, only: true })).toMatchObject({ estimateUsd: expect.any(Number) });
});

test('one model of a comparison is asked again, and the others keep their answers for free', async () => {
  const old = await bed.client.start('compare', { prompt: 'Again one?', models: [gpt, claude], judge: gpt });
  await old.result();
  const asked = bed.provider.asked('Again one?');
  const fork = await bed.client.fork(old.id, { fromStep: gpt, only: true });
  await fork.result();
  // The provider says the same again, so the judge is asked the same, and need not be.
  expect(bed.provider.asked('Again one?') - asked).toBe(1);
  const { calls } = await bed.client.bill(fork.id);
  expect(calls.map(({ step, cached }) => [step, cached]).sort()).toEqual(
    [
      [gpt, false],
      [claude, true],
      ['judge', true],
    ].sort(),
  );
});

test('a question with a large image is asked, told as input, and forked', async () => {
  const data = Buffer.alloc(120_000, 'pixels').toString('base64');
  const image = { type: 'image' as const, mediaType: 'image/png' as const, data };
  const messages = [{ role: 'user' as const, content: [image, { type: 'text' as const, text: 'Seen this?' }] }];
  const old = await bed.client.start('compare', { messages, models: [gpt, claude] });
  await old.result();
  expect((await bed.client.input(old.id)).input).toMatchObject({ messages });
  const fork = await bed.client.fork(old.id, { fromStep: claude, only: true });
  await fork.result();
  expect(bed.provider.asked('Seen this?')).toBe(3);
  const wrong = [{ role: 'user' as const, content: [{ ...image, data: 'no base64!' }] }];
  await expect(bed.client.start('compare', { messages: wrong, models: [gpt] })).rejects.toMatchObject({
    error: { message: expect.stringContaining('base64') },
  });
});

test('answers that are there are judged and merged without being asked for again', async () => {
  const old = await bed.client.start('compare', { prompt: 'Judged late?', models: [gpt, claude, dead] });
  const { answers } = (await old.result()) as { answers: { text?: string }[] };
  const asked = bed.provider.asked('Judged late?');
  const input = { models: [gpt, claude], judge: claude, merge: gpt };
  const fork = await bed.client.fork(old.id, { overrides: { input } });
  const result = (await fork.result()) as { answers: { text?: string }[]; verdict: object; merged: object };
  expect(result.answers.map(({ text }) => text)).toEqual(answers.slice(0, 2).map(({ text }) => text));
  expect([result.verdict, result.merged]).toEqual([expect.any(Object), expect.any(Object)]);
  const { calls } = await bed.client.bill(fork.id);
  expect(calls.filter(({ step, cached }) => cached !== (step !== 'judge' && step !== 'merge'))).toEqual([]);
  const more = bed.provider.requests().filter(({ text }) => text.includes('Judged late?')).length - asked;
  expect(more).toBe(calls.filter(({ cached }) => !cached).length);
});

test('what cannot be forked is said before anything is started', async () => {
  const { id } = await finishedChain('Refused');
  const { runs } = await bed.client.list();
  const refusal = (given: object) =>
    bed.client.fork(id, given as never).then(
      () => undefined,
      (thrown) => thrown.error,
    );

  expect(await refusal({ fromStep: 'seven' })).toMatchObject({
    type: 'InvalidRequest',
    path: 'fromStep',
    message: `The run ${id} has no step "seven". It has: one, two, three, four, five, six`,
  });
  expect(await refusal({ fromStep: 'two', overrides: { policy: 'no-such-policy' } })).toMatchObject({
    path: 'overrides.policy',
  });
  expect(await refusal({ fromStep: 'two', overrides: { prompt: '' } })).toMatchObject({ path: 'overrides.prompt' });
  expect(await refusal({ overrides: { policy: gpt } })).toMatchObject({ path: 'fromStep' });
  expect(await refusal({ overrides: { input: { judge: gpt } } })).toMatchObject({ path: 'overrides.input' });
  await expect(bed.client.fork('no-such-run', { fromStep: 'two' })).rejects.toMatchObject({ code: 'NotFound' });
  expect((await bed.client.list()).runs).toHaveLength(runs.length);
});
