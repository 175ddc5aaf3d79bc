import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type ChatPeer, chatPeer } from '../setup/chat-peer.ts';
import { activitiesOf } from '../setup/history.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { untilEvent } from '../setup/until.ts';

const MODEL = 'house/m';
const OTHER = 'house/n';

let peer: ChatPeer;
let bed: TestBed;
beforeAll(async () => {
  peer = await chatPeer((prompt, nth, { model }) => {
    const limited = (retryAfter: string) => ({ status: 429, retryAfter, error: 'slow down' });
    if (prompt.includes('far away') && model === 'm') return limited('300');
    if (prompt.includes('at once') && nth < 3) return limited('0');
    if (prompt.includes('an hour') && nth === 1) return limited('3600');
    if (prompt.includes('takes its time') && nth === 1) return { words: ['Well, '], end: 'hang' };
    if (prompt.includes('again and again')) return limited('2');
    if (prompt.includes('too large') && model === 'm') {
      return { status: 429, error: 'Request too large for m on tokens per min (TPM): Limit 1000, Requested 9000.' };
    }
    return {};
  });
  bed = await testBed({ config: { providers: { house: peer.provider } } });
});
afterAll(async () => {
  await bed.close();
  await peer.stop();
});

test('a long Retry-After at the first candidate holds up nobody', async () => {
  const policy = { candidates: [MODEL, OTHER], patience: '20 minutes' };
  const run = await bed.client.start('ask', { prompt: 'far away', policy });
  expect((await run.result()).model).toBe(OTHER);
  expect(await activitiesOf(bed.temporal, run.id)).toHaveLength(2);
});

test('Retry-After: 0 says nothing, and ends no patience', async () => {
  const policy = { candidates: [MODEL], patience: '5 minutes', maxAttempts: 2 };
  const run = await bed.client.start('ask', { prompt: 'at once', policy });
  expect((await run.result()).text).toBe('fine');
  expect(peer.askedWith('at once')).toHaveLength(3);
});

test('whoever waits for an hour holds nobody who asks the same', async () => {
  const input = (maxRetryAfter: string) => ({
    prompt: 'in an hour',
    policy: { candidates: [MODEL], patience: '3 hours', maxRetryAfter },
  });
  const waiting = await bed.client.start('ask', input('2 hours'));
  await untilEvent(bed.client, waiting.id, 'call.retrying');
  const other = await bed.client.start('ask', input('5 s'));
  expect((await other.result()).text).toBe('fine');
  await bed.client.cancel(waiting.id);
});

test('whoever waits for an equal call is not held to the clocks of the one who makes it', async () => {
  const input = (totalMs: number) => ({
    prompt: 'It takes its time',
    policy: { candidates: [MODEL], maxAttempts: 1, timeouts: { totalMs } },
  });
  const hurried = await bed.client.start('ask', input(3_000));
  await untilEvent(bed.client, hurried.id, 'call.delta');
  const other = await bed.client.start('ask', input(60_000));
  await expect(hurried.result()).rejects.toMatchObject({ error: { type: 'Timeout' } });
  expect((await other.result()).text).toBe('fine');
});

test('a request that no minute’s limit allows goes to the next candidate, and is asked once', async () => {
  const policy = { candidates: [MODEL, OTHER], patience: '1 hour' };
  const run = await bed.client.start('ask', { prompt: 'too large', policy });
  expect((await run.result()).model).toBe(OTHER);
  expect(peer.askedWith('too large').map(({ model }) => model)).toEqual(['m', 'n']);
});

test.each(['standard', 'fast'])('attempts in place on the %s lane end with the step’s patience', async (lane) => {
  const policy = { candidates: [MODEL], lane, patience: '3 s', maxAttempts: 100 };
  const run = await bed.client.start('ask', { prompt: `again and again, ${lane}`, policy } as never);
  await expect(run.result()).rejects.toMatchObject({ error: { type: 'RateLimited' } });
  // Two seconds lie between two of them.
  expect(peer.askedWith(`again and again, ${lane}`).length).toBeLessThanOrEqual(3);
});
