import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { RunEvent } from '../../src/contract/index.ts';
import { mockProvider } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';

const WORDS = 'Rivers bend because water runs faster along the outer bank and carries more of it away. ';
/** So slow that what was sent before a break has arrived. */
const PACE = { streamingProfile: { ttft: 20, tps: 50 } };
const claude = ['anthropic/claude-sonnet-5-5'];

let bed: TestBed;
beforeAll(async () => {
  bed = await testBed({ provider: await mockProvider() });
});
afterAll(() => bed.close());

const asks = (text: string) => (request: { messages: unknown }) => JSON.stringify(request.messages).includes(text);

/** What a reader shows who keeps text by call and drops it when the epoch rises. */
function shown(events: RunEvent[]): string {
  const texts = new Map<string, { epoch: number; text: string }>();
  for (const event of events) {
    const kept = event.call === undefined ? undefined : (texts.get(event.call) ?? { epoch: 0, text: '' });
    if (!kept) continue;
    if (event.type === 'call.fallback') texts.clear();
    const fresh = event.epoch! > kept.epoch ? { epoch: event.epoch!, text: '' } : kept;
    if (event.type === 'call.delta' && event.epoch === fresh.epoch) fresh.text += event.text;
    texts.set(event.call!, fresh);
  }
  return [...texts.values()].map(({ text }) => text).join('');
}

test('words are read while they are still being written', async () => {
  bed.provider.first(asks('slowly'), () => ({ content: WORDS.repeat(4) }), {
    chunkSize: 20,
    streamingProfile: { ttft: 50, tps: 20 },
  });
  const run = await bed.client.start('ask', { prompt: 'slowly', policy: { candidates: claude } });
  let early = '';
  for await (const event of run.events()) {
    if (event.type === 'call.delta') early += event.text;
    if (early.length > 0) break;
  }
  expect(await bed.client.outcome(run.id)).toEqual({ status: 'running' });
  const answer = await run.result();
  expect(answer.text.startsWith(early)).toBe(true);
  expect(early.length).toBeLessThan(answer.text.length);
});

test('a reader with a cursor gets what comes after it, and all of it once', async () => {
  const run = await bed.client.start('ask', { prompt: 'cursor', policy: { candidates: claude } });
  const all = await bed.eventsOf(run.id);
  expect(all.map((event) => event.seq)).toEqual(all.map((_, index) => index + 1));
  const later = await Array.fromAsync(run.events({ after: 2 }));
  expect(later).toEqual(all.slice(2));
});

test('a stream that breaks half-way is repeated, and the reader ends with exactly the final text', async () => {
  let requests = 0;
  const whole = { content: WORDS.repeat(3) };
  const firstRequest = () => {
    requests += 1;
    return requests === 1;
  };
  bed.provider.first(asks('breaks once'), () => whole, { chunkSize: 20 });
  bed.provider.first(
    (request) => asks('breaks once')(request) && firstRequest(),
    () => whole,
    {
      chunkSize: 20,
      truncateAfterChunks: 8,
      ...PACE,
    },
  );
  const run = await bed.client.start('ask', { prompt: 'breaks once', policy: { candidates: claude } });
  const answer = await run.result();
  const events = await bed.eventsOf(run.id);

  expect(events.find((event) => event.type === 'call.retrying')).toMatchObject({
    epoch: 2,
    error: { type: 'ConnectionLost', midStream: true },
  });
  expect(events.some((event) => event.type === 'call.delta' && event.epoch === 1)).toBe(true);
  expect(shown(events)).toBe(answer.text);
  expect(answer.text).toBe(whole.content);
});

test('a provider that breaks every stream is asked twice, then the next candidate', async () => {
  const match = (request: { model: string; messages: unknown }) =>
    request.model.startsWith('gpt') && asks('breaks always')(request);
  bed.provider.first(match, () => ({ content: WORDS.repeat(3) }), { chunkSize: 20, truncateAfterChunks: 8, ...PACE });
  const policy = { candidates: ['openai/gpt-6-sol', ...claude], maxAttempts: 5 };
  const run = await bed.client.start('ask', { prompt: 'breaks always', policy });
  const answer = await run.result();

  expect(answer).toMatchObject({ model: claude[0], text: 'answer to: breaks always' });
  expect(bed.provider.asked('breaks always', 'gpt-6-sol')).toBe(2);
  expect(shown(await bed.eventsOf(run.id))).toBe(answer.text);
});

test('Retry-After is waited for', async () => {
  let limited = true;
  bed.provider.first(
    (request) => asks('not so fast')(request) && limited,
    () => {
      limited = false;
      return { status: 429, retryAfter: 3, error: { message: 'slow down' } };
    },
  );
  const run = await bed.client.start('ask', { prompt: 'not so fast', policy: { candidates: claude } });
  await run.result();
  const events = await bed.eventsOf(run.id);
  const retrying = events.find((event) => event.type === 'call.retrying')!;
  const completed = events.find((event) => event.type === 'call.completed')!;
  expect(retrying).toMatchObject({ delayMs: 3_000, error: { type: 'RateLimited', status: 429, retryAfterMs: 3_000 } });
  const waited = Date.parse(completed.at) - Date.parse(retrying.at);
  expect(waited).toBeGreaterThanOrEqual(2_900);
});

test('a provider that hangs is left after the clock of its phase', async () => {
  bed.provider.first(asks('hang'), () => ({ content: WORDS }), { latency: 20_000 });
  const policy = { candidates: claude, maxAttempts: 1, timeouts: { connectMs: 300, firstTokenMs: 300 } };
  const run = await bed.client.start('ask', { prompt: 'hang', policy });
  await expect(run.result()).rejects.toMatchObject({ error: { type: 'Timeout' } });
});

test('cancelling a run aborts its request', async () => {
  bed.provider.first(asks('forever'), () => ({ content: WORDS.repeat(50) }), {
    chunkSize: 10,
    streamingProfile: { tps: 10 },
  });
  const run = await bed.client.start('ask', { prompt: 'forever', policy: { candidates: claude } });
  for await (const event of run.events()) if (event.type === 'call.delta') break;
  await bed.client.cancel(run.id);
  await expect(run.result()).rejects.toMatchObject({ code: 'RunCancelled' });
  const events = await bed.eventsOf(run.id);
  expect(events.at(-1)?.type).toBe('run.cancelled');
  expect(events.map((event) => event.type)).not.toContain('call.completed');
  expect(await bed.client.show(run.id)).toMatchObject({ status: 'cancelled' });
});

test('a run that somebody terminates in Temporal ends for its readers too', async () => {
  bed.provider.first(asks('terminated'), () => ({ content: WORDS.repeat(50) }), {
    chunkSize: 10,
    streamingProfile: { tps: 10 },
  });
  const run = await bed.client.start('ask', { prompt: 'terminated', policy: { candidates: claude } });
  for await (const event of run.events()) if (event.type === 'call.delta') break;
  await bed.temporal.workflow.getHandle(run.id).terminate('no longer needed');
  const events = await bed.eventsOf(run.id);
  expect(events.at(-1)).toMatchObject({ type: 'run.failed', error: { message: 'The run was terminated' } });
});
