import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { failWith, mockProvider } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';

let bed: TestBed;
beforeAll(async () => {
  const provider = await mockProvider();
  provider.first((request) => request.model.startsWith('gemini'), failWith(400, 'no such thing'));
  provider.first(
    (request) => JSON.stringify(request.messages).includes('Answer A'),
    () => ({
      content: JSON.stringify({
        scores: [
          { answer: 'A', score: 0.2, reason: 'thin' },
          { answer: 'B', score: 0.9, reason: 'full' },
        ],
        reason: 'B says more',
      }),
    }),
  );
  bed = await testBed({ provider });
});
afterAll(() => bed.close());

const models = ['openai/gpt-6-sol', 'anthropic/claude-sonnet-5-5', 'gemini/gemini-3.8-flash'];

test('models answer side by side, and one that fails is an answer too', async () => {
  const run = await bed.client.start('compare', { prompt: 'Tea or coffee?', models });
  const { answers } = await run.result();
  expect(answers).toMatchObject([
    {
      model: models[0],
      text: 'answer to: Tea or coffee?',
      costUsd: expect.any(Number),
      firstTokenMs: expect.any(Number),
      totalMs: expect.any(Number),
    },
    { model: models[1], text: 'answer to: Tea or coffee?' },
    { model: models[2], error: { type: 'InvalidRequest' } },
  ]);
  const started = (await bed.eventsOf(run.id)).filter((event) => event.type === 'call.started');
  expect(started.map((event) => event.step).sort()).toEqual([...models].sort());
});

test('a judge names the best answer without knowing who wrote it', async () => {
  const run = await bed.client.start('compare', {
    prompt: 'Sun or rain?',
    models: models.slice(0, 2),
    judge: models[1],
  });
  const { verdict } = await run.result();
  expect(verdict).toMatchObject({ best: models[1], reason: 'B says more' });
  const judged = bed.provider.requests().find(({ text }) => text.includes('Answer A'))!;
  expect(judged.text).not.toContain('gpt-6-sol');
  expect((await bed.eventsOf(run.id)).find((event) => event.type === 'verdict')).toMatchObject({
    step: 'judge',
    verdict: { best: models[1] },
  });
});

test('the run fails only if every model does', async () => {
  const run = await bed.client.start('compare', { prompt: 'Up or down?', models: [models[2]!] });
  await expect(run.result()).rejects.toMatchObject({
    error: { type: 'InvalidRequest', message: expect.stringContaining('None of 1') },
  });
});
