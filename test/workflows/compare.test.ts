import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { CompareResult } from '../../src/contract/index.ts';
import { sourcesOf } from '../../src/workflows/steps/merge.ts';
import { failWith, mockProvider, promptOf } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { untilEvent } from '../setup/until.ts';

let bed: TestBed;
beforeAll(async () => {
  const provider = await mockProvider();
  provider.first((request) => request.model.startsWith('gemini'), failWith(400, 'no such thing'));
  provider.first(
    (request) => promptOf(request).includes('Answer A:'),
    (request) => {
      const marks = [...promptOf(request).matchAll(/Answer (\w):\n(.*)/g)].map(([, letter, text]) => [
        letter,
        text!.includes('at length') ? { reason: 'full', score: 0.9 } : { reason: 'thin', score: 0.2 },
      ]);
      return { content: JSON.stringify({ answers: Object.fromEntries(marks), reason: 'One says more' }) };
    },
  );
  provider.first(
    (request) => promptOf(request) === 'Sun or rain?' && request.model.startsWith('claude'),
    () => ({ content: 'answer at length to: Sun or rain?' }),
  );
  provider.first(
    (request) => promptOf(request).includes('[A] Answer of'),
    () => ({ content: 'Both agree on tea [A, B], one adds milk [B].' }),
  );
  provider.first(
    (request) => promptOf(request) === 'Quick or slow?' && request.model.startsWith('claude'),
    () => ({ content: 'slow and steady '.repeat(500) }),
    { chunkSize: 16, streamingProfile: { ttft: 20, tps: 20 } },
  );
  bed = await testBed({ provider });
});
afterAll(() => bed.close());

const models = ['openai/gpt-6-sol', 'anthropic/claude-sonnet-5-5', 'gemini/gemini-3.8-flash'];

test('models answer side by side, and one that fails is an answer too', async () => {
  const run = await bed.client.start('compare', { prompt: 'Tea or coffee?', models });
  const result = await run.result();
  const { answers } = result;
  expect(CompareResult.strict().parse(result)).toMatchObject({ best: { model: models[0] } });
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
  expect(verdict).toMatchObject({ best: models[1], bestAnswer: 2, reason: 'One says more' });
  const judged = bed.provider.requests().find(({ text }) => text.includes('Answer A'))!;
  expect(judged.text).not.toContain('gpt-6-sol');
  expect((await bed.eventsOf(run.id)).find((event) => event.type === 'verdict')).toMatchObject({
    step: 'judge',
    verdict: { best: models[1] },
  });
});

test('a merged answer says what came from whom', async () => {
  const run = await bed.client.start('compare', {
    prompt: 'Tea with milk?',
    models: models.slice(0, 2),
    merge: models[1],
  });
  const { merged } = await run.result();
  expect(merged).toMatchObject({
    text: `Both agree on tea [A, B], one adds milk [B].\n\nSources: [A] ${models[0]}, [B] ${models[1]}`,
    sources: [
      { letter: 'A', answer: 1, model: models[0], mentions: 1 },
      { letter: 'B', answer: 2, model: models[1], mentions: 2 },
    ],
  });
});

test('a model that fails is told while the others go on', async () => {
  const run = await bed.client.start('compare', { prompt: 'Left or right?', models });
  await run.result();
  expect((await bed.eventsOf(run.id)).find((event) => event.type === 'step.failed')).toMatchObject({
    step: models[2],
    error: { type: 'InvalidRequest' },
  });
});

test('one model is stopped while the others go on; what it had said is on the bill', async () => {
  const run = await bed.client.start('compare', { prompt: 'Quick or slow?', models: models.slice(0, 2) });
  await untilEvent(bed.client, run.id, 'call.delta', ({ step }) => step === models[1]);
  await expect(bed.client.stop(run.id, 'openai/nobody')).rejects.toMatchObject({ error: { path: 'step' } });
  await bed.client.stop(run.id, models[1]);
  const { answers } = await run.result();
  expect(answers).toMatchObject([
    { model: models[0], text: 'answer to: Quick or slow?' },
    { model: models[1], error: { type: 'Cancelled' } },
  ]);
  expect((await bed.client.show(run.id)).status).toBe('completed');
  const { calls } = await bed.client.bill(run.id);
  expect(calls.find(({ model }) => model === models[1])).toMatchObject({ estimated: true });
  await expect(bed.client.stop(run.id, models[1])).rejects.toMatchObject({ code: 'Conflict' });
});

test('the steps of other patterns, and of the direct lane, are not stopped one by one, and it is said why', async () => {
  const ask = await bed.client.start('ask', { prompt: 'Alone?', policy: { candidates: [models[0]!] } });
  await ask.result();
  await expect(bed.client.stop(ask.id, 'ask')).rejects.toMatchObject({ error: { message: /ask cannot/ } });
  const direct = await bed.client.start('compare', { prompt: 'At once?', models: [models[0]!] }, { lane: 'direct' });
  await direct.result();
  // Temporal has taken one in this lane: the next begins before its activity has a name.
  const input = { prompt: 'Quick or slow?', models: models.slice(0, 2) };
  const begunHere = await bed.client.start('compare', input, { lane: 'direct' });
  await untilEvent(bed.client, begunHere.id, 'call.delta', ({ step }) => step === models[1]);
  for (const { id } of [direct, begunHere]) {
    await expect(bed.client.stop(id, models[0])).rejects.toMatchObject({
      code: 'InvalidRequest',
      error: { message: /direct lane/, path: 'step' },
    });
  }
  await bed.client.stop(begunHere.id);
  await untilEvent(bed.client, begunHere.id, 'run.cancelled');
});

test('a vote is kept with the run, one a voter, and can be taken back', async () => {
  const run = await bed.client.start('compare', { prompt: 'Red or blue?', models: models.slice(0, 2) });
  await run.result();
  expect(await bed.client.votes(run.id)).toEqual({ votes: {} });
  await bed.client.vote(run.id, models[0]!, 'ada');
  await bed.client.vote(run.id, models[1]!, 'ben');
  expect(await bed.client.vote(run.id, models[1]!, 'ada')).toEqual({ votes: { [models[1]!]: 2 }, yours: models[1] });
  expect(await bed.client.vote(run.id, null, 'ben')).toEqual({ votes: { [models[1]!]: 1 } });
  expect(await bed.client.votes(run.id, 'ada')).toMatchObject({ yours: models[1] });
  await expect(bed.client.vote(run.id, 'openai/nobody')).rejects.toMatchObject({ error: { path: 'best' } });
});

test('a model that gave no answer is not the best', async () => {
  const run = await bed.client.start('compare', { prompt: 'Left or right?', models });
  await run.result();
  await bed.client.vote(run.id, models[0]!);
  await expect(bed.client.vote(run.id, models[2]!)).rejects.toMatchObject({
    error: { path: 'best', message: expect.stringContaining('no answer of') },
  });
  expect(await bed.client.votes(run.id)).toMatchObject({ votes: { [models[0]!]: 1 } });
});

test('the run fails only if every model does', async () => {
  const run = await bed.client.start('compare', { prompt: 'Up or down?', models: [models[2]!] });
  await expect(run.result()).rejects.toMatchObject({
    error: { type: 'InvalidRequest', message: expect.stringContaining('None of 1') },
  });
});

test('letters in brackets are sources, other brackets are not', () => {
  const answers = [{ model: 'x/one' }, { model: 'x/two' }, { model: 'x/six' }];
  const text = 'It bends [A, B], slowly [B; C] [B]. See [1], list[0], [AB], [the A].';
  expect(sourcesOf(text, answers).map(({ mentions }) => mentions)).toEqual([1, 3, 1]);
});
