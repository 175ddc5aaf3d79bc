import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { failWith, type MockProvider, mockProvider, promptOf, USAGE } from '../setup/mock-provider.ts';
import { untilEvent } from '../setup/until.ts';
import { type CrashBed, crashBed, type Kill, killsDuring } from './crash-bed.ts';

/** 20 by hand: CADENZA_TEST_KILLS=20 */
const KILLS = Number(process.env.CADENZA_TEST_KILLS || 5);
const STEPS = ['one', 'two', 'three'];
/** A step that is told to wait for so long goes on in a workflow. */
const WAIT_S = 6;
const TENANT = 'stormy';

let provider: MockProvider;
let bed: CrashBed;
let connection: Connection;
const refused = new Set<string>();

beforeAll(async () => {
  provider = await mockProvider(
    (request) => {
      const prompt = promptOf(request);
      if (prompt.includes('-late two') && !refused.has(prompt)) {
        refused.add(prompt);
        return { status: 429, error: { message: 'slow down', type: 'rate_limit' }, retryAfter: WAIT_S };
      }
      return { content: `answer to: ${prompt}`, usage: USAGE };
    },
    { chunkSize: 5, streamingProfile: { ttft: 120, tps: 60 } },
  );
  bed = await crashBed({ provider });
  connection = await Connection.connect({ address: process.env.CADENZA_TEST_TEMPORAL_ADDRESS! });
});
afterAll(async () => {
  await connection.close();
  await bed.close();
});

test(`runs in the direct lane survive ${KILLS} kills of their worker, also as they are handed over`, async () => {
  const { cadenza } = bed;
  const account = `tenant:${TENANT}`;
  await cadenza.budgets.set(account, 100);
  const policy = { candidates: ['openai/gpt-6-sol'], patience: '5 minutes', maxRetryAfter: '1 s' };
  // Every other run pays from a budget and has no cache: where there is none, a call begins without a wait for the disk.
  const ways = [{ tenant: TENANT, policy: { ...policy, cache: false as const } }, { policy }];
  const topics: string[] = [];
  const kills: Kill[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    await bed.start();
    const { tenant, policy } = ways[kill % 2]!;
    for (const kind of ['quick', 'late']) {
      const topic = `topic-${kill}-${kind}`;
      const steps = STEPS.map((id, n) => ({
        id,
        prompt: n === 0 ? `${topic} ${id}` : `${topic} ${id} after {{steps.${STEPS[n - 1]}.text}}`,
      }));
      await cadenza.start('chain', { policy, steps }, { id: topic, lane: 'direct', tenant });
      topics.push(topic);
    }
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 1_500));
    kills.push(await bed.kill());
  }
  await bed.start();

  let spentUsd = 0;
  for (const topic of topics) {
    const result = await cadenza.result(topic);
    const expected = STEPS.reduce((before, id) => `answer to: ${topic} ${id}${before ? ` after ${before}` : ''}`, '');
    expect(result).toMatchObject({ output: expected });

    const events = await Array.fromAsync(cadenza.events(topic));
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(events.filter(({ type }) => /^run\./.test(type)).map(({ type }) => type)).toEqual([
      'run.started',
      'run.completed',
    ]);
    const completed = events.filter((event) => event.type === 'call.completed');
    expect(completed.map(({ step }) => step)).toEqual(STEPS);
    for (const { step, at } of completed) {
      const asked = provider.requests().filter(({ text }) => text.includes(`"${topic} ${step}`));
      const answered = asked.filter(({ status }) => status === 200);
      expect(asked.filter((request) => request.at > Date.parse(at))).toEqual([]);
      expect(answered.length).toBeLessThanOrEqual(1 + killsDuring(kills, asked[0]!.at, Date.parse(at)));
    }
    const bill = await cadenza.bill(topic);
    expect(bill.calls.flatMap(({ step, estimated }) => (estimated ? [] : [step]))).toEqual(STEPS);
    if ((await cadenza.show(topic)).tenant === TENANT) spentUsd += bill.totalUsd!;
  }
  const budget = await cadenza.budgets.show(account);
  expect(budget.reservedUsd).toBe(0);
  expect(budget.spentUsd).toBeCloseTo(spentUsd, 9);

  const { workflow } = new Client({ connection });
  for (const topic of topics.filter((one) => one.endsWith('late'))) {
    const asked = provider.requests().filter(({ text }) => text.includes(`"${topic} two`));
    const [refusal, next] = asked.slice(asked.findIndex(({ status }) => status === 429));
    // Only where the worker died with the refusal nobody knows of a wait.
    if (next!.at - refusal!.at < WAIT_S * 1_000 && killsDuring(kills, refusal!.at, next!.at) > 0) continue;
    expect((await workflow.getHandle(topic).describe()).status.name).toBe('COMPLETED');
  }
  const repeats = provider.requests().filter(({ status }) => status === 200).length - topics.length * STEPS.length;
  console.log(`${KILLS} kills, ${topics.length} runs, ${repeats} repeated requests`);
}, 900_000);

test('a step that failed before its worker was killed is not asked again: the run goes on without it', async () => {
  const { cadenza } = bed;
  const [good, bad, judge] = ['openai/gpt-6-sol', 'openai/gpt-6-luna', 'openai/gpt-6.1-terra'] as const;
  const question = 'Which one, killed?';
  let isDown = true;
  provider.first(({ model }) => bad.endsWith(model) && isDown, failWith(401, 'no such key'));
  provider.first(
    (request) => promptOf(request).includes('Answer A:'),
    () => ({ content: JSON.stringify({ answers: { A: { reason: 'so', score: 0.5 } }, reason: 'so' }), usage: USAGE }),
    { chunkSize: 5, streamingProfile: { ttft: 120, tps: 10 } },
  );
  // The one before is there still, and would go on with what the next one begins.
  await bed.kill();
  await bed.start();
  const policy = { candidates: [good], cache: false as const };
  const input = { prompt: question, models: [good, bad], judge, policy };
  const { id } = await cadenza.start('compare', input, { id: 'left-out', lane: 'direct' });
  await untilEvent(cadenza, id, 'call.delta', ({ step }) => step === 'judge');
  isDown = false;
  await bed.kill();
  await bed.start();

  expect(await cadenza.result(id)).toMatchObject({
    answers: [{ model: good }, { model: bad, error: { type: 'AuthenticationFailed', step: bad } }],
  });
  const ofModel = (ref: string) => provider.asked(question, ref.slice('openai/'.length));
  expect([good, bad, judge].map(ofModel)).toEqual([1, 1, 2]);
  const events = await Array.fromAsync(cadenza.events(id));
  const steps = (type: string) => events.flatMap((event) => (event.type === type ? [event.step] : []));
  expect({ failed: steps('step.failed'), completed: steps('step.completed') }).toEqual({
    failed: [bad],
    completed: [good, 'judge'],
  });
}, 120_000);
