import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type TestCadenza, testCadenza } from '../../src/testing/index.ts';
import type { announcement, counted } from './workflows.ts';

const DAY = 86_400_000;

let cadenza: TestCadenza;
beforeAll(async () => {
  cadenza = await testCadenza({
    workflowsPath: fileURLToPath(new URL('./workflows.ts', import.meta.url)),
    config: {
      providers: { house: { kind: 'openai-compatible', baseUrl: 'https://models.invalid/v1', models: ['m'] } },
    },
  });
});
afterAll(() => cadenza.close());
beforeEach(() => cadenza.reset());

const start = (id: string) =>
  cadenza.start<Awaited<ReturnType<typeof announcement>>>('announcement', { topic: 'tides' }, { id });

test('models answer by prompt and by model, and say afterwards what they were asked and what it cost', async () => {
  cadenza.models.script([
    { prompt: /^List facts/, answer: { object: { facts: ['Twice a day.'] } } },
    {
      model: 'anthropic',
      prompt: 'Announce tides',
      answer: { text: 'Tides!', usage: { inputTokens: 1_000, outputTokens: 100 } },
    },
  ]);
  const run = await start('answers');
  const { approval } = await run.reached('approval.requested');
  await cadenza.client.approve(run.id, approval, { approved: true, by: 'ada' });
  expect(await run.result()).toEqual({ text: 'Tides!', approved: true, expired: false });
  expect(cadenza.models.asked().map(({ model }) => model)).toEqual(['openai/gpt-6-sol', 'anthropic/claude-sonnet-5-5']);
  expect(cadenza.models.asked({ prompt: 'Twice a day.' })).toHaveLength(1);
  const { calls, totalUsd } = await run.bill();
  expect(calls.map(({ step, usage }) => [step, usage])).toMatchObject([
    ['facts', { inputTokens: 20, outputTokens: 10 }],
    ['draft', { inputTokens: 1_000, outputTokens: 100 }],
  ]);
  expect(totalUsd).toBeGreaterThan(0);
});

test('answers are given in turn, errors among them, and the waits between them take no time', async () => {
  const down = { error: { status: 503 } };
  cadenza.models.script([
    {
      prompt: 'List facts',
      answer: [down, down, { error: { status: 429, retryAfterSeconds: 7_200 } }, { object: { facts: [] } }],
    },
    { prompt: 'Announce', answer: 'Late' },
  ]);
  const before = await cadenza.temporal.currentTimeMs();
  const began = Date.now();
  const run = await start('waits');
  expect(await run.result()).toEqual({ text: 'Late', approved: false, expired: true });
  // Three days for the approval that nobody gave; what providers asked for before.
  expect((await cadenza.temporal.currentTimeMs()) - before).toBeGreaterThan(3 * DAY);
  expect(Date.now() - began).toBeLessThan(DAY / 1_000);
  expect(cadenza.models.asked({ prompt: 'List facts' })).toHaveLength(4);
});

test('a request that no line fits fails its step, and the error says which', async () => {
  const run = await start('unscripted');
  await expect(run.result()).rejects.toMatchObject({
    error: { type: 'InvalidRequest', step: 'facts', message: expect.stringContaining('No line of the script fits') },
  });
});

test('providers of the config are scripted, and models call tools', async () => {
  cadenza.models.script([
    {
      model: 'house/m',
      answer: [{ toolCalls: [{ name: 'calculator', arguments: { expression: '6*7' } }] }, 'It is 42.'],
    },
  ]);
  type Count = typeof counted;
  expect(await cadenza.run<Awaited<ReturnType<Count>>>('counted', { task: 'What is 6*7?' })).toBe('It is 42.');
  const [first, second] = cadenza.models.asked();
  expect(first).toMatchObject({ model: 'house/m', prompt: 'What is 6*7?', tools: ['calculator'] });
  expect(second!.messages.at(-1)).toMatchObject({ role: 'tool', text: expect.stringContaining('42') });
});

test('patterns run beside your own workflows', async () => {
  cadenza.models.script([{ answer: 'Because of the moon.' }]);
  const run = await cadenza.client.start('ask', {
    prompt: 'Why?',
    policy: { candidates: ['gemini/gemini-3.8-flash'] },
  });
  expect(await run.result()).toMatchObject({ text: 'Because of the moon.', model: 'gemini/gemini-3.8-flash' });
});
