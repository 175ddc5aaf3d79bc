import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Bill, RunEvent } from '../../src/contract/index.ts';
import { type DevProcess, startDev } from '../setup/dev-process.ts';
import { type MockProvider, mockProvider } from '../setup/mock-provider.ts';
import { until } from '../setup/until.ts';

const STEPS = ['one', 'two', 'three', 'four', 'five'];

let provider: MockProvider;
let dev: DevProcess;

beforeAll(async () => {
  provider = await mockProvider(undefined, { chunkSize: 5, streamingProfile: { ttft: 300, tps: 40 } });
  dev = await startDev(provider.env);
});
afterAll(async () => {
  expect(await dev.stop()).toBe(0);
  await provider.stop();
});

const parts: [name: string, program: RegExp][] = [
  ['worker and gateway', / serve --embedded/],
  ['Temporal server', /temporal server start-dev/],
  ['PostgreSQL', /postgres -D/],
];

test.each(parts)(
  'five-step runs, as workflow and in the direct lane, go on after their %s is killed',
  async (name, program) => {
    const word = name.split(' ')[0];
    const topics = [`topic-${word}-workflow`, `topic-${word}-direct`];
    await Promise.all(topics.map(start));
    await until(() => topics.every((topic) => provider.asked(`${topic} two`) > 0) || undefined);
    const killedAt = Date.now();
    process.kill(dev.children().find(({ args }) => program.test(args))!.pid, 'SIGKILL');
    for (const topic of topics) await expectWhole(topic, killedAt);
    expect(dev.said()).toMatch(/unexpectedly/);
  },
);

async function start(topic: string): Promise<void> {
  const steps = STEPS.map((id, index) => ({
    id,
    prompt: `${topic} ${id}${index === 0 ? '' : ` after {{steps.${STEPS[index - 1]}.text}}`}`,
  }));
  const policy = { candidates: ['openai/gpt-6-sol'], cache: false };
  const started = await fetch(`${dev.url}/v1/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      pattern: 'chain',
      id: topic,
      input: { policy, steps },
      lane: topic.endsWith('direct') ? 'direct' : undefined,
    }),
  });
  expect(started.status).toBe(202);
}

async function expectWhole(topic: string, killedAt: number): Promise<void> {
  const result = await resultOf(topic);
  const expected = STEPS.reduce((before, id) => `answer to: ${topic} ${id}${before ? ` after ${before}` : ''}`, '');
  expect(result).toMatchObject({ output: expected });

  const events = await eventsOf(topic);
  expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1));
  const completed = events.filter((event) => event.type === 'call.completed');
  expect(completed.map((event) => event.step)).toEqual(STEPS);
  for (const { step, at } of completed) {
    const asked = provider.requests().filter(({ text }) => text.includes(`"${topic} ${step}`));
    expect(asked.filter((request) => request.at > Date.parse(at))).toEqual([]);
    expect(asked.length).toBeLessThanOrEqual(killedAt <= Date.parse(at) && asked[0]!.at <= killedAt ? 2 : 1);
  }
  const bill = (await (await fetch(`${dev.url}/v1/runs/${topic}/bill`)).json()) as Bill;
  expect(bill.calls.flatMap(({ step, estimated }) => (estimated ? [] : [step]))).toEqual(STEPS);
}

/** Asks for the result as a client would: again, when the server that answers was just killed. */
async function resultOf(id: string): Promise<unknown> {
  return until(async () => {
    const response = await fetch(`${dev.url}/v1/runs/${id}/result?waitSeconds=20`).catch(() => undefined);
    if (response?.status === 409) throw new Error(await response.text());
    return response?.status === 200 ? response.json() : undefined;
  });
}

async function eventsOf(id: string): Promise<RunEvent[]> {
  const text = await (await fetch(`${dev.url}/v1/runs/${id}/events`)).text();
  return [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data!) as RunEvent);
}
