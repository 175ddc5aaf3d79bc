import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type ChatPeer, type ChatScript, chatPeer } from '../setup/chat-peer.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { until, untilEvent } from '../setup/until.ts';
import { query } from '../store/fresh-store.ts';

/** USD of a token of an answer; what is asked is free. */
const TOKEN_USD = 0.000_01;
const words = (count: number) => Array.from({ length: count }, () => 'word ');

let peer: ChatPeer;
let bed: TestBed;
/** Takes connections, and never says a word: no request can be sent to it by TLS. */
const dark = createServer();
const dropped = new Set<Socket>();
const silence = Promise.withResolvers<ChatScript>();
beforeAll(async () => {
  dark.on('connection', (socket) => dropped.add(socket.on('error', () => {}))).listen(0, '127.0.0.1');
  await once(dark, 'listening');
  peer = await chatPeer((prompt, nth, body) => {
    if (prompt.includes('never begins') && body.model === 'm') return silence.promise;
    if (prompt.includes('never ends')) return { words: words(40), paceMs: 20, end: 'hang' };
    if (prompt.includes('takes two seconds')) return { words: words(40), paceMs: 50 };
    if (prompt.includes('breaks off'))
      return nth === 1 ? { words: words(30), paceMs: 5, end: 'cut' } : { words: words(5) };
    if (prompt.includes('refused')) return { status: 401, error: 'no such key' };
    if (prompt.includes('very long')) return { words: words(Math.min(9_000, body.max_tokens ?? 9_000)) };
    return {};
  });
  const { port } = dark.address() as AddressInfo;
  const unreachable = { ...peer.provider, baseUrl: `https://127.0.0.1:${port}/v1` };
  const price = { inputPerMillion: 0, outputPerMillion: TOKEN_USD * 1_000_000 };
  bed = await testBed({
    config: {
      providers: { house: peer.provider, dark: unreachable },
      prices: { 'house/m': price, 'house/n': price, 'dark/m': price },
    },
  });
});
afterAll(async () => {
  await bed.close();
  silence.resolve({});
  await peer.stop();
  for (const socket of dropped) socket.destroy();
  dark.close();
});

const policy = { candidates: ['house/m'], cache: false as const };

/** What is still held for calls in flight. */
async function held(): Promise<number> {
  return (await query(bed.databaseUrl, 'select call_key from reservations')).length;
}

async function spentBy(tenant: string): Promise<number> {
  return (await bed.client.budgets.show(`tenant:${tenant}`)).spentUsd;
}

test('a run cancelled in mid-stream is billed for what had streamed, as an estimate', async () => {
  await bed.client.budgets.set('tenant:canceller', 1);
  const run = await bed.client.start('ask', { prompt: 'It never ends', policy }, { tenant: 'canceller' });
  await untilEvent(bed.client, run.id, 'call.delta');
  await bed.client.cancel(run.id);
  await expect(run.result()).rejects.toMatchObject({ error: { type: 'Cancelled' } });

  const bill = await bed.client.bill(run.id);
  expect(bill.calls).toMatchObject([{ step: 'ask', model: 'house/m', estimated: true, cached: false }]);
  expect(bill.calls[0]!.usage.outputTokens).toBeGreaterThan(0);
  expect(bill.totalUsd).toBeCloseTo(bill.calls[0]!.usage.outputTokens * TOKEN_USD, 9);
  expect(await spentBy('canceller')).toBeCloseTo(bill.totalUsd!, 9);
  expect(await held()).toBe(0);
});

test.each(['standard', 'fast', 'direct'] as const)(
  'a run that is cancelled is so to everybody, lane %s',
  async (lane) => {
    const run = await bed.client.start('ask', { prompt: `It takes two seconds, ${lane}`, policy: { ...policy, lane } });
    await untilEvent(bed.client, run.id, 'call.delta');
    await bed.client.cancel(run.id);
    await expect(run.result()).rejects.toMatchObject({ code: 'RunCancelled' });
    expect(await bed.client.show(run.id)).toMatchObject({ status: 'cancelled' });
    expect((await bed.eventsOf(run.id)).at(-1)).toMatchObject({ type: 'run.cancelled' });
    expect((await bed.client.list({ status: 'cancelled' })).runs.map(({ id }) => id)).toContain(run.id);
    expect((await bed.client.bill(run.id)).calls).toMatchObject([{ step: 'ask', estimated: true }]);
  },
);

test('a call whose time is over is billed for what had streamed, each time it was asked', async () => {
  const timed = { ...policy, maxAttempts: 2, timeouts: { betweenTokensMs: 300, totalMs: 5_000 } };
  const run = await bed.client.start('ask', { prompt: 'Twice it never ends', policy: timed });
  await expect(run.result()).rejects.toMatchObject({ error: { type: 'Timeout' } });

  const bill = await bed.client.bill(run.id);
  expect(peer.askedWith('Twice it never ends')).toHaveLength(2);
  expect(bill.calls).toHaveLength(2);
  for (const { estimated, usage } of bill.calls) {
    expect(estimated).toBe(true);
    expect(Math.abs(usage.outputTokens - 40)).toBeLessThanOrEqual(2);
  }
});

test('a call that we hang up on before its response began is billed for its input', async () => {
  const timed = { ...policy, candidates: ['house/m', 'house/n'], maxAttempts: 1, timeouts: { connectMs: 300 } };
  const run = await bed.client.start('ask', { prompt: 'It never begins', policy: timed });
  expect(await run.result()).toMatchObject({ model: 'house/n' });
  const { calls } = await bed.client.bill(run.id);
  expect(calls).toMatchObject([
    { model: 'house/m', estimated: true, usage: { outputTokens: 0 } },
    { model: 'house/n' },
  ]);
  expect(calls[0]!.usage.inputTokens).toBeGreaterThan(0);
});

test('a request that could not be sent is on no bill', async () => {
  const timed = { ...policy, candidates: ['dark/m', 'house/n'], maxAttempts: 1, timeouts: { connectMs: 300 } };
  const run = await bed.client.start('ask', { prompt: 'Nobody hears it', policy: timed });
  expect(await run.result()).toMatchObject({ model: 'house/n' });
  expect((await bed.client.bill(run.id)).calls).toMatchObject([{ model: 'house/n' }]);
});

test('a stream that breaks off is billed beside the one that is whole', async () => {
  const run = await bed.client.start('ask', { prompt: 'It breaks off', policy }, { tenant: 'broken', budgetUsd: 1 });
  const answer = await run.result();
  const bill = await bed.client.bill(run.id);
  expect(bill.calls).toHaveLength(2);
  const [cut] = bill.calls;
  expect(cut!.estimated).toBe(true);
  expect(Math.abs(cut!.usage.outputTokens - 30)).toBeLessThanOrEqual(2);
  expect(bill.calls[1]!.estimated).toBeUndefined();
  expect(bill.calls[1]!.usage).toEqual(answer.usage);
  expect(bill.totalUsd).toBeCloseTo((cut!.usage.outputTokens + 5) * TOKEN_USD, 9);
  expect(await spentBy('broken')).toBeCloseTo(bill.totalUsd!, 9);
  const { costUsd } = (await bed.client.show(run.id))!;
  expect(costUsd).toBeCloseTo(bill.totalUsd!, 9);
  expect((await bed.eventsOf(run.id)).at(-1)).toMatchObject({ type: 'run.completed', costUsd });
  const { searchAttributes } = await bed.temporal.workflow.getHandle(run.id).describe();
  expect(searchAttributes.CadenzaCostUsd).toEqual([costUsd]);
});

test('a request that was refused costs nothing', async () => {
  const run = await bed.client.start('ask', { prompt: 'refused', policy });
  await expect(run.result()).rejects.toMatchObject({ error: { type: 'AuthenticationFailed' } });
  expect(await bed.client.bill(run.id)).toMatchObject({ totalUsd: 0, calls: [] });
});

test('with a budget in force the limit that is reserved for is the limit that is sent', async () => {
  const budgetUsd = 0.05;
  const run = await bed.client.start('ask', { prompt: 'A very long answer', policy }, { budgetUsd });
  const answer = await run.result();
  const [sent] = peer.askedWith('A very long answer');
  expect(sent.max_tokens).toBe(4_096);
  expect(answer.costUsd).toBeLessThanOrEqual(budgetUsd);

  const unlimited = await bed.client.start('ask', { prompt: 'Without a budget, a very long answer', policy });
  await unlimited.result();
  expect(peer.askedWith('Without a budget')[0].max_tokens).toBeUndefined();
});

test('a small budget buys a shorter answer, and never more than it holds', async () => {
  const run = await bed.client.start('ask', { prompt: 'A very long answer, cheaply', policy }, { budgetUsd: 0.02 });
  const answer = await run.result();
  expect(peer.askedWith('cheaply')[0].max_tokens).toBe(2_000);
  expect(answer.costUsd).toBeCloseTo(0.02, 9);

  const none = await bed.client.start(
    'ask',
    { prompt: 'A very long answer for nothing', policy },
    { budgetUsd: 0.001 },
  );
  await expect(none.result()).rejects.toMatchObject({ error: { type: 'BudgetExceeded' } });
  expect(peer.askedWith('for nothing')).toHaveLength(0);
});

test('thirty runs at once, none of which says how long its answer may be, stay within their tenant’s budget', async () => {
  const budgetUsd = 0.1;
  await bed.client.budgets.set('tenant:crowd', budgetUsd);
  const asks = Array.from({ length: 30 }, (_, n) =>
    bed.client.start('ask', { prompt: `In a crowd, very long ${n}`, policy }, { tenant: 'crowd' }),
  );
  const ended = await Promise.allSettled((await Promise.all(asks)).map((run) => run.result()));
  const answers = ended.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));

  expect(answers.length).toBeGreaterThan(1);
  expect(answers.length).toBeLessThan(30);
  expect(peer.askedWith('In a crowd')).toHaveLength(answers.length);
  const { spentUsd, reservedUsd } = await bed.client.budgets.show('tenant:crowd');
  expect(spentUsd).toBeLessThanOrEqual(budgetUsd);
  expect(spentUsd).toBeCloseTo(
    answers.reduce((sum, { costUsd }) => sum + costUsd!, 0),
    9,
  );
  expect(reservedUsd).toBe(0);
});

test('the limit is sent again when the call is repeated', async () => {
  const run = await bed.client.start('ask', { prompt: 'On a budget it breaks off', policy }, { budgetUsd: 1 });
  await run.result();
  expect(peer.askedWith('On a budget').map(({ max_tokens }) => max_tokens)).toEqual([4_096, 4_096]);
});

test('a hedged call that failed while the other ran holds nothing, and its bill is paid by the accounts above', async () => {
  await bed.client.budgets.set('tenant:hedger', 1);
  const slow = await chatPeer((_, __, { model }) =>
    model === 'm' ? { words: words(3), paceMs: 150, end: 'cut' } : { words: words(8), paceMs: 100 },
  );
  const { provider: house } = slow;
  const prices = {
    'slow/m': { inputPerMillion: 0, outputPerMillion: 10 },
    'slow/n': { inputPerMillion: 0, outputPerMillion: 10 },
  };
  const hedging = await testBed({ config: { providers: { slow: house }, prices } });
  try {
    const { client } = hedging;
    await client.budgets.set('tenant:hedger', 1);
    const hedged = { ...policy, candidates: ['slow/m', 'slow/n'], hedge: { afterMs: 1 } };
    const run = await client.start('ask', { prompt: 'Both', policy: hedged }, { tenant: 'hedger' });
    expect((await run.result()).model).toBe('slow/n');
    await until(async () => (await client.budgets.show('tenant:hedger')).reservedUsd === 0 || undefined);
    const bill = await client.bill(run.id);
    expect((await client.budgets.show('tenant:hedger')).spentUsd).toBeCloseTo(bill.totalUsd!, 9);
  } finally {
    await hedging.close();
    await slow.stop();
  }
});
