import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseConfig } from '../../src/config/index.ts';
import { releaseHeld } from '../../src/runtime/release-held.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { type MockProvider, mockProvider, promptOf } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { until } from '../setup/until.ts';

const MODEL = 'openai/gpt-6-sol';
const POLICY = { candidates: [MODEL], cache: false as const, maxOutputTokens: 10 };
/** 10 tokens of output, which is all a call may have: what is held is what it costs, so a budget can be hit exactly. */
const CALL_USD = 0.01;

let provider: MockProvider;
let bed: TestBed;
let store: Store;
beforeAll(async () => {
  provider = await mockProvider();
  bed = await testBed({
    provider,
    config: {
      prices: { [MODEL]: { inputPerMillion: 0, outputPerMillion: 1_000 } },
      providers: { house: { kind: 'openai-compatible', baseUrl: provider.env.OPENAI_BASE_URL, models: ['free'] } },
      budgets: { tenants: { 'new-here': 20 * CALL_USD }, keys: { a1b2c3: 2 * CALL_USD } },
    },
  });
  store = await openStore({ url: bed.databaseUrl });
});
afterAll(async () => {
  await store.close();
  await bed.close();
});

/** Runs that are all started at once. */
async function allAtOnce(count: number, word: string, options: { tenant?: string; key?: string }) {
  const prompts = Array.from({ length: count }, (_, n) => `${word} ${n}.`);
  const runs = await Promise.all(prompts.map((prompt) => bed.client.start('ask', { prompt, policy: POLICY }, options)));
  const ended = await Promise.allSettled(runs.map((run) => run.result()));
  const refused = runs.filter((_, n) => ended[n]!.status === 'rejected');
  return { made: count - refused.length, refused };
}

test.each(['known-here', 'new-here'])(
  'of 50 runs at once on a budget of the tenant %s for 20, 20 are made and 30 cost nothing',
  async (tenant) => {
    let allowed = 20;
    if (tenant === 'known-here') {
      await bed.client.budgets.set(`tenant:${tenant}`, 20 * CALL_USD);
      await allAtOnce(1, 'before', { tenant });
      allowed = 19;
    }
    const { made, refused } = await allAtOnce(50, `${tenant} asks`, { tenant });

    expect(made).toBe(allowed);
    expect(provider.asked(`${tenant} asks`)).toBe(allowed);
    expect(await bed.client.budgets.show(`tenant:${tenant}`)).toEqual({
      ...{ account: `tenant:${tenant}`, budgetUsd: 0.2, spentUsd: 0.2, reservedUsd: 0 },
    });
    for (const { id } of refused) {
      expect(await bed.client.outcome(id)).toMatchObject({ status: 'failed', error: { type: 'BudgetExceeded' } });
      expect(await bed.client.bill(id)).toMatchObject({ totalUsd: 0, calls: [] });
    }
  },
);

test('a key of the gateway has a budget too, whoever its runs are for, and is warned at four fifths', async () => {
  const first = await allAtOnce(3, 'by key', { key: 'a1b2c3', tenant: 'any' });
  expect(first.made).toBe(2);
  expect(provider.asked('by key')).toBe(2);
  expect(await bed.client.budgets.show('key:a1b2c3')).toMatchObject({ spentUsd: 2 * CALL_USD, reservedUsd: 0 });
  const { runs } = await bed.client.list({ tenant: 'any' });
  const events = (await Promise.all(runs.map(({ id }) => bed.eventsOf(id)))).flat();
  expect(events.filter(({ type }) => type === 'budget.warning')).toEqual([
    expect.objectContaining({ scope: 'key:a1b2c3', spentUsd: 2 * CALL_USD, budgetUsd: 2 * CALL_USD }),
  ]);
});

test('what a key spent before it had a budget counts', async () => {
  await allAtOnce(2, 'early', { key: 'late-budget' });
  expect(await bed.client.budgets.show('key:late-budget')).toMatchObject({ budgetUsd: null, spentUsd: 2 * CALL_USD });
  await bed.client.budgets.set('key:late-budget', 3 * CALL_USD);
  expect((await allAtOnce(4, 'later', { key: 'late-budget' })).made).toBe(1);
});

test('a model of unknown price is not asked on a budget, and the error says what to do', async () => {
  await bed.client.budgets.set('tenant:careful', 100);
  const input = { prompt: 'What do you cost?', policy: { ...POLICY, candidates: ['house/free'] } };
  const careful = await bed.client.start('ask', input, { tenant: 'careful' });
  await expect(careful.result()).rejects.toMatchObject({
    error: {
      type: 'BudgetExceeded',
      message: expect.stringContaining('price of house/free is not known'),
      hint: expect.stringContaining('"prices"'),
    },
  });
  expect(provider.asked('What do you cost?')).toBe(0);
  const careless = await bed.client.start('ask', input, { tenant: 'careless' });
  await careless.result();
  expect(provider.asked('What do you cost?')).toBe(1);
});

test('a terminated run gives back what it holds; one that goes on keeps it', async () => {
  const tenant = 'tenant:interrupted';
  await bed.client.budgets.set(tenant, 2 * CALL_USD);
  let answer = () => {};
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  provider.first(
    (request) => promptOf(request).startsWith('Slowly'),
    async (request) => {
      await (promptOf(request).endsWith('never done') ? new Promise(() => {}) : answered);
      return { content: promptOf(request), usage: { prompt_tokens: 1, completion_tokens: 10 } };
    },
  );
  const start = (prompt: string) =>
    bed.client.start('ask', { prompt, policy: POLICY }, { tenant: 'interrupted', id: `ask-${randomUUID()}` });
  const [ended, open] = await Promise.all([start('Slowly, and never done'), start('Slowly, and done')]);
  const held = async () => (await bed.client.budgets.show(tenant)).reservedUsd;
  await until(async () => (await held()) === 2 * CALL_USD || undefined);

  await bed.temporal.workflow.getHandle(ended.id).terminate('test');
  await releaseHeld(bed.temporal, store, 0);
  expect(await held()).toBe(CALL_USD);
  expect(await store.runs.find(ended.id)).toMatchObject({ status: 'failed' });
  expect(await store.runs.find(open.id)).toMatchObject({ status: 'running' });

  answer();
  await open.result();
  expect(await bed.client.budgets.show(tenant)).toMatchObject({ spentUsd: CALL_USD, reservedUsd: 0 });
});

test.each([
  [{ tenants: { acme: -1 } }, 'config.budgets.tenants.acme: A budget is a number of USD, 0 or more'],
  [{ keys: { 'not a name': 1 } }, 'config.budgets.keys'],
])('a config with the budgets %j is refused', (budgets, message) => {
  expect(() => parseConfig({ budgets })).toThrow(message);
});

test.each([
  ['acme', 1],
  ['team:acme', 1],
  ['tenant:acme', -1],
])('a budget of %s of %d USD is refused', async (account, usd) => {
  await expect(bed.client.budgets.set(account, usd)).rejects.toMatchObject({ code: 'InvalidRequest' });
});
