import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type MockProvider, mockProvider } from '../setup/mock-provider.ts';
import { type CrashBed, crashBed, type Kill, killsDuring } from './crash-bed.ts';
import { expectedRelease, pressReply, requestsFor, type STEPS } from './press-room.ts';

/** 20 by hand: CADENZA_TEST_KILLS=20 */
const KILLS = Number(process.env.CADENZA_TEST_KILLS || 7);
const policy = { candidates: ['openai/gpt-6-sol'], cache: false as const };
const writers = ['openai/gpt-6-sol', 'anthropic/claude-sonnet-5-5'];
const CALLS = [
  ...(['research', 'critique', 'revise', 'headline'] as const).map((step) => ({ step, model: 'gpt-6-sol' })),
  { step: 'draft', model: 'gpt-6-sol' },
  { step: 'draft', model: 'claude-sonnet-5-5' },
] as const satisfies { step: keyof typeof STEPS; model: string }[];

let provider: MockProvider;
let bed: CrashBed;

beforeAll(async () => {
  provider = await mockProvider(pressReply, { chunkSize: 5, streamingProfile: { ttft: 120, tps: 60 } });
  bed = await crashBed({ provider, allKeys: true, workflow: 'pressRelease' });
});
afterAll(() => bed.close());

test(`five steps survive ${KILLS} kills of their worker at random moments, and nothing finished is asked again`, async () => {
  const { cadenza } = bed;
  const runs: { topic: string; id: string }[] = [];
  const kills: Kill[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    await bed.start();
    for (const half of ['a', 'b']) {
      const topic = `topic-${kill}${half}`;
      const { id } = await cadenza.startUnchecked('pressRelease', { topic, writers, policy });
      runs.push({ topic, id });
    }
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 1_500));
    kills.push(await bed.kill());
  }
  await bed.start();

  for (const { topic, id } of runs) {
    expect(await cadenza.result(id)).toEqual(expectedRelease(topic));
    const events = await Array.fromAsync(cadenza.events(id));
    expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1));
    const completed = events.filter((event) => event.type === 'call.completed');
    expect(new Set(completed.map((event) => event.call)).size).toBe(CALLS.length);
    expect(completed).toHaveLength(CALLS.length);

    let repeats = 0;
    for (const { step, model } of CALLS) {
      const asked = requestsFor(provider, topic, step, model);
      repeats += asked.length - 1;
      const finished = completed.find((event) => event.step!.startsWith(step) && event.model.endsWith(`/${model}`))!;
      const finishedAt = Date.parse(finished.at);
      expect(asked.filter((at) => at > finishedAt)).toEqual([]);
      expect(asked.length).toBeLessThanOrEqual(1 + killsDuring(kills, asked[0]!, finishedAt));
    }
    const bill = await cadenza.bill(id);
    // beside the finished calls, those cut by a kill as far as they had streamed
    const cut = bill.calls.filter(({ estimated }) => estimated);
    expect(bill.calls).toHaveLength(CALLS.length + cut.length);
    expect(cut.length).toBeLessThanOrEqual(repeats);
    expect(bill.totalUsd).toBeCloseTo(
      [...completed, ...cut].reduce((sum, { costUsd }) => sum + costUsd!, 0),
      9,
    );
  }
  const repeats = provider.requests().length - runs.length * CALLS.length;
  console.log(
    `${KILLS} kills, ${runs.length} runs, ${provider.requests().length} requests, ${repeats} of them repeats`,
  );
}, 900_000);
