import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { activitiesOf } from '../setup/history.ts';
import { failWith, mockProvider } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';

let bed: TestBed;
beforeAll(async () => {
  const provider = await mockProvider();
  provider.first((request) => request.model.startsWith('gpt'), failWith(500, 'out of order'));
  bed = await testBed({ provider });
});
afterAll(() => bed.close());

const candidates = ['openai/gpt-6-sol', 'anthropic/claude-sonnet-5-5'];

test('a provider that is down is retried, then the next candidate answers', async () => {
  const run = await bed.client.start('ask', { prompt: 'Why do rivers bend?', policy: { candidates, maxAttempts: 2 } });
  const answer = await run.result();
  const events = await bed.eventsOf(run.id);

  expect(answer.text).toBe('answer to: Why do rivers bend?');
  expect(answer.model).toBe('anthropic/claude-sonnet-5-5');
  expect(events.map((event) => event.type).filter((type) => type !== 'call.delta')).toEqual([
    'run.started',
    'step.started',
    'call.started',
    'call.retrying',
    'call.fallback',
    'call.started',
    'call.completed',
    'step.completed',
    'run.completed',
  ]);
  expect(events.find((event) => event.type === 'call.retrying')).toMatchObject({
    model: 'openai/gpt-6-sol',
    epoch: 2,
    error: { type: 'Unavailable', status: 500 },
  });
  expect(events.find((event) => event.type === 'call.fallback')).toMatchObject({
    from: 'openai/gpt-6-sol',
    to: 'anthropic/claude-sonnet-5-5',
    error: { type: 'Unavailable' },
  });
  expect(await activitiesOf(bed.temporal, run.id)).toEqual([
    { type: 'callModel', summary: 'openai/gpt-6-sol · ask', failed: true },
    { type: 'callModel', summary: 'anthropic/claude-sonnet-5-5 · ask · attempt 2', failed: false },
  ]);
});

test('the same request again is answered from the cache, and no provider is asked', async () => {
  const input = { prompt: 'Why is the sky blue?', policy: { candidates, maxAttempts: 1 } };
  const first = await (await bed.client.start('ask', input)).result();
  const asked = bed.provider.requests().length;
  const again = await bed.client.start('ask', input);

  expect(await again.result()).toEqual({ ...first, costUsd: 0 });
  expect(bed.provider.requests()).toHaveLength(asked);
  const events = await bed.eventsOf(again.id);
  expect(events.map((event) => event.type)).toContain('call.cached');
  expect(await bed.client.bill(again.id)).toMatchObject({ totalUsd: 0, calls: [{ cached: true, costUsd: 0 }] });
});

test('a policy may keep out of the cache', async () => {
  const input = { prompt: 'Toss a coin', policy: { candidates: [candidates[1]!], cache: false as const } };
  await (await bed.client.start('ask', input)).result();
  await (await bed.client.start('ask', input)).result();
  expect(bed.provider.asked('Toss a coin')).toBe(2);
});

test('one tenant is never answered from what another asked', async () => {
  const input = { prompt: 'What is our revenue?', policy: { candidates: [candidates[1]!] } };
  await (await bed.client.start('ask', input, { tenant: 'acme' })).result();
  await (await bed.client.start('ask', input, { tenant: 'globex' })).result();
  expect(bed.provider.asked('What is our revenue?')).toBe(2);
});

test('twenty equal requests at once reach the provider once', async () => {
  const input = { prompt: 'How deep is the sea?', policy: { candidates: [candidates[1]!] } };
  const runs = await Promise.all(Array.from({ length: 20 }, () => bed.client.start('ask', input)));
  const answers = await Promise.all(runs.map((run) => run.result()));

  expect(new Set(answers.map((answer) => answer.text))).toEqual(new Set(['answer to: How deep is the sea?']));
  expect(bed.provider.asked('How deep is the sea?')).toBe(1);
});

test('twenty equal requests at once, the first candidate down: one falls back for all', async () => {
  // So slow that all have asked before the first one is given up.
  const match = (request: { model: string; messages: unknown }) =>
    request.model.startsWith('gpt') && JSON.stringify(request.messages).includes('How high');
  bed.provider.first(match, failWith(500, 'out of order'), { chaos: { latencyMs: 1_000 } });
  const input = { prompt: 'How high is the sky?', policy: { candidates, maxAttempts: 2 } };
  const runs = await Promise.all(Array.from({ length: 20 }, () => bed.client.start('ask', input)));
  await Promise.all(runs.map((run) => run.result()));

  expect(bed.provider.asked('How high is the sky?', 'gpt-6-sol')).toBe(2);
  expect(bed.provider.asked('How high is the sky?', 'claude-sonnet-5-5')).toBe(1);
});

test('a key the provider refuses leaves the candidate at once', async () => {
  bed.provider.first(
    (request) => JSON.stringify(request.messages).includes('locked'),
    (request) =>
      request.model.startsWith('gpt') ? { status: 401, error: { message: 'no such key' } } : { content: 'open' },
  );
  const run = await bed.client.start('ask', { prompt: 'locked', policy: { candidates } });
  expect((await run.result()).text).toBe('open');
  expect(bed.provider.asked('locked', 'gpt-6-sol')).toBe(1);
});

test('when nobody can answer, the run fails and says what each said', async () => {
  bed.provider.first((request) => JSON.stringify(request.messages).includes('hopeless'), failWith(503, 'closed'));
  const run = await bed.client.start('ask', { prompt: 'hopeless', policy: { candidates, maxAttempts: 1 } });
  await expect(run.result()).rejects.toMatchObject({
    code: 'RunFailed',
    error: { type: 'Unavailable', step: 'ask', message: expect.stringContaining('openai/gpt-6-sol') },
  });
  const events = await bed.eventsOf(run.id);
  expect(events.at(-1)).toMatchObject({ type: 'run.failed', error: { type: 'Unavailable' } });
});

test('with patience, an outage is a wait', async () => {
  let answersFrom = 3;
  bed.provider.first(
    (request) => JSON.stringify(request.messages).includes('patient'),
    () =>
      answersFrom-- > 0 ? { status: 429, retryAfter: 1, error: { message: 'slow down' } } : { content: 'at last' },
  );
  const policy = { candidates: [candidates[1]!], maxAttempts: 1, patience: '1 minute' };
  const run = await bed.client.start('ask', { prompt: 'patient', policy });
  expect((await run.result()).text).toBe('at last');
});
