import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type EnforcingProvider, enforcingProvider } from '../../bench/limits/enforcing-provider.ts';
import { mockProvider } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { untilEvent } from '../setup/until.ts';

const WINDOW_MS = 2_000;
const LIMITS = { requests: 10, tokens: 1_500 };

let provider: EnforcingProvider;
let bed: TestBed;

beforeAll(async () => {
  provider = await enforcingProvider({ ...LIMITS, windowMs: WINDOW_MS }, (prompt) => ({
    outputTokens: 20 + (prompt.length % 7) * 10,
    takesMs: 20,
  }));
  const house = { kind: 'openai-compatible' as const, baseUrl: provider.url };
  const shut = { kind: 'openai-compatible' as const, baseUrl: 'http://127.0.0.1:9/v1' };
  bed = await testBed({
    provider: await mockProvider(),
    config: {
      providers: { house, shut },
      limits: {
        house: { ...LIMITS, window: WINDOW_MS },
        'house/tiny': { tokens: 100, window: WINDOW_MS },
        'openai/gpt-6-luna': { requests: 1, window: '1 hour' },
      },
      circuits: { failures: 3, rest: '2 s' },
    },
  });
});
afterAll(async () => {
  await bed.close();
  await provider.stop();
});

const ask = (prompt: string, candidates: string[], over: object = {}) =>
  bed.client.start('ask', { prompt, policy: { candidates, cache: false, ...over } });

test('a map over the limit is asked in order without one refusal, and somebody who asks meanwhile is not kept waiting behind it', async () => {
  const items = Array.from({ length: 36 }, (_, n) => ({ n: n + 1 }));
  const policy = { candidates: ['house/m'], cache: false as const };
  const map = await bed.client.start('map', {
    ...{ pattern: 'ask', items, concurrency: 30 },
    input: { prompt: 'row {{item.n}}', policy },
  });
  const { scope, limit } = await untilEvent(bed.client, map.id, 'call.waiting');
  expect([scope, limit]).toEqual(['house', expect.stringMatching(/requests|tokens/)]);
  const chat = await ask('a person', ['house/m']);
  expect(await chat.result()).toMatchObject({ text: 'answer to: a person' });
  const [, asked] = (await bed.client.timeline(chat.id)).steps.flatMap(({ calls }) => [calls.length, calls[0]!]);
  expect(asked).toMatchObject({ attempts: 1, waitedMs: expect.any(Number) });

  expect(await map.result()).toMatchObject({ done: 36, failed: 0 });
  const { arrivals } = provider;
  expect(arrivals.filter(({ status }) => status !== 200)).toEqual([]);
  expect(arrivals).toHaveLength(37);
  const place = arrivals.findIndex(({ prompt }) => prompt === 'a person');
  expect(place).toBeLessThan(arrivals.length - LIMITS.requests);
  expect(
    (await bed.client.timeline(map.id)).steps.flatMap(({ calls }) => calls.flatMap(({ errors }) => errors)),
  ).toEqual([]);
});

test('an answer is held to the room of a small limit; what never fits is an error at once, and the next candidate’s', async () => {
  const long = 'word '.repeat(150);
  const refused = await ask(long, ['house/tiny']);
  await expect(refused.result()).rejects.toMatchObject({
    error: { type: 'RateLimited', permanent: true, held: 'limit' },
  });
  const other = await ask(long, ['house/tiny', 'house/m']);
  expect(await other.result()).toMatchObject({ model: 'house/m' });
});

test('a call that would wait for long leaves its model to the next candidate, or comes back by a durable timer', async () => {
  const first = await ask('takes the hour', ['openai/gpt-6-luna']);
  await first.result();
  const second = await ask('does not wait', ['openai/gpt-6-luna', 'openai/gpt-6-sol']);
  expect(await second.result()).toMatchObject({ model: 'openai/gpt-6-sol' });
  const waits = await ask('waits', ['openai/gpt-6-luna']);
  const { expectedMs } = await untilEvent(bed.client, waits.id, 'call.waiting');
  expect(expectedMs).toBeGreaterThan(3_000_000);
  const [pending] = (await bed.temporal.workflow.getHandle(waits.id).describe()).raw.pendingActivities ?? [];
  expect(pending?.activityType?.name).toBe('callModel');
  await bed.client.cancel(waits.id);
  await expect(waits.result()).rejects.toMatchObject({ error: { type: 'Cancelled' } });
});

test('a model that keeps failing is asked no more by anybody, and one call finds out whether it is back', async () => {
  const down = await ask('is anybody there', ['shut/m'], { maxAttempts: 3 });
  await expect(down.result()).rejects.toMatchObject({ error: { type: 'ConnectionLost' } });
  const next = await ask('and now', ['shut/m', 'house/m'], { maxAttempts: 1 });
  const { error } = await untilEvent(bed.client, next.id, 'call.fallback');
  expect(error).toMatchObject({ held: 'circuit', retryAfterMs: expect.any(Number) });
  expect(await next.result()).toMatchObject({ model: 'house/m' });
});
