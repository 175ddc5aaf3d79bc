import type { ChatCompletionRequest } from '@copilotkit/aimock';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type MockProvider, mockProvider, USAGE } from '../setup/mock-provider.ts';
import { until } from '../setup/until.ts';
import { type CrashBed, crashBed } from './crash-bed.ts';

const HELD: Record<string, string[]> = { A: ['41', '42', '42'], B: ['40', '42', '42'], C: ['7', '41', '42'] };

let provider: MockProvider;
let bed: CrashBed;

function reply(request: ChatCompletionRequest) {
  const text = JSON.stringify(request.messages);
  const [, letter] = /You are debater (\w)/.exec(text)!;
  const round = Number(/This is round (\d)/.exec(text)?.[1] ?? 1);
  const said = { argument: `Argument ${round} of ${letter}.`, position: HELD[letter!]![round - 1] };
  return { content: JSON.stringify(said), usage: USAGE };
}

beforeAll(async () => {
  provider = await mockProvider(reply, { chunkSize: 8, streamingProfile: { ttft: 250, tps: 40 } });
  bed = await crashBed({ provider });
});
afterAll(() => bed.close());

test('a debate of three whose worker is killed in its second round goes on, and asks nothing twice that was answered', async () => {
  await bed.start();
  const model = 'openai/gpt-6-sol';
  const debaters = [{ model }, { model: 'anthropic/claude-sonnet-5-5' }, { model: 'gemini/gemini-3.8-flash' }];
  const { id } = await bed.cadenza.start('debate', { question: 'Six times seven?', debaters });
  await until(() => (provider.asked('This is round 2') === 3 ? true : undefined));
  const killedAt = Date.now();
  await bed.kill();
  await bed.start();

  expect(await bed.cadenza.result(id)).toMatchObject({
    rounds: 3,
    ended: 'agreed',
    absent: [],
    verdict: { method: 'agreement', position: '42', heldBy: ['A', 'B', 'C'] },
  });
  const events = await Array.fromAsync(bed.cadenza.events(id));
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  const completed = events.filter((event) => event.type === 'call.completed');
  expect(completed.map(({ step }) => step!).sort()).toEqual(
    [1, 2, 3].flatMap((round) => ['A', 'B', 'C'].map((letter) => `round-${round}/${letter}`)),
  );
  // Of the second round those are asked again that had not answered: each once more at most.
  const lost = completed.filter(({ step, at }) => step!.startsWith('round-2') && Date.parse(at) > killedAt);
  expect(lost.length).toBeGreaterThan(0);
  expect(provider.requests()).toHaveLength(9 + lost.length);
});
