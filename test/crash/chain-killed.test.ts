import type { ChatCompletionRequest } from '@copilotkit/aimock';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type MockProvider, mockProvider, promptOf, USAGE } from '../setup/mock-provider.ts';
import { type CrashBed, crashBed, type Kill, killsDuring } from './crash-bed.ts';

/** 20 by hand: CADENZA_TEST_KILLS=20 */
const KILLS = Number(process.env.CADENZA_TEST_KILLS || 3);

/** Twelve steps; `draft` and `review` make three rounds of the loop, `grander` is skipped. */
const chain = {
  input: { topic: 'rivers', tone: 'plain' },
  policy: { candidates: ['openai/gpt-6-sol'], cache: false as const },
  steps: [
    { id: 'facts', prompt: 'FACTS about {{input.topic}}.' },
    { id: 'outline', prompt: 'OUTLINE of <{{steps.facts.text}}>' },
    {
      repeat: { max: 5, until: { value: '{{steps.review.object.score}}', gte: 3 } },
      steps: [
        { id: 'draft', prompt: 'DRAFT {{round}} after <{{steps.outline.text}}>, {{previous.review.object.score}}' },
        {
          id: 'review',
          prompt: 'REVIEW {{round}} of <{{steps.draft.text}}>',
          schema: { type: 'object', properties: { score: { type: 'number' } }, required: ['score'] },
        },
      ],
    },
    { id: 'plainer', prompt: 'PLAINER <{{steps.draft.text}}>', when: { value: '{{input.tone}}', equals: 'plain' } },
    { id: 'grander', prompt: 'GRANDER <{{steps.draft.text}}>', when: { value: '{{input.tone}}', equals: 'grand' } },
    {
      parallel: [
        { id: 'title', prompt: 'TITLE of <{{steps.plainer.text}}>' },
        { id: 'teaser', prompt: 'TEASER of <{{steps.plainer.text}}>' },
        { id: 'summary', prompt: 'SUMMARY of <{{steps.plainer.text}}>' },
      ],
    },
    { id: 'join', prompt: 'JOIN <{{steps.title.text}}> <{{steps.teaser.text}}> <{{steps.summary.text}}>' },
    { id: 'check', prompt: 'CHECK <{{steps.join.text}}>' },
    { id: 'final', prompt: 'FINAL <{{steps.check.text}}>' },
  ],
  output: '{{steps.final.text}}',
};
/** the twelve, in capitals as their prompts begin, and how often each is asked */
const CALLS = {
  ...{ FACTS: 1, OUTLINE: 1, DRAFT: 3, REVIEW: 3, PLAINER: 1, GRANDER: 0 },
  ...{ TITLE: 1, TEASER: 1, SUMMARY: 1, JOIN: 1, CHECK: 1, FINAL: 1 },
};
const PLAINER = 'plainer(draft 3(outline(facts(rivers))))';
const RESULT = `final(check(join(title(${PLAINER}) teaser(${PLAINER}) summary(${PLAINER}))))`;

let provider: MockProvider;
let bed: CrashBed;

/** Each answer holds what it was asked, so that the last one tells the way of the whole chain. */
function reply(request: ChatCompletionRequest) {
  const prompt = promptOf(request);
  const name = prompt.slice(0, prompt.indexOf(' ')).toLowerCase();
  const round = /^[A-Z]+ (\d)/.exec(prompt)?.[1];
  if (name === 'review') return { content: JSON.stringify({ score: Number(round) }), usage: USAGE };
  const given = name === 'facts' ? 'rivers' : [...prompt.matchAll(/<([^>]*)>/g)].map((found) => found[1]).join(' ');
  return { content: `${name}${round ? ` ${round}` : ''}(${given})`, usage: USAGE };
}

beforeAll(async () => {
  provider = await mockProvider(reply, { chunkSize: 8, streamingProfile: { ttft: 250, tps: 80 } });
  bed = await crashBed({ provider });
});
afterAll(() => bed.close());

test(`a chain of twelve steps survives ${KILLS} kills of its worker, and no finished call is made again`, async () => {
  const { cadenza } = bed;
  await bed.start();
  const { id } = await cadenza.start('chain', chain);
  const done = cadenza.result(id);
  const kills: Kill[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    // At a random moment of the next call or two; every other worker is killed as it begins.
    if (kill % 2 === 0) await Promise.race([done, new Promise<void>((resolve) => provider.onRequest(resolve))]);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 700));
    kills.push(await bed.kill());
    await bed.start();
  }

  const { output } = (await done) as { output: string };
  expect(output).toBe(RESULT);

  const events = await Array.fromAsync(cadenza.events(id));
  expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1));
  const completed = events.filter((event) => event.type === 'call.completed');
  const wanted = Object.values(CALLS).reduce((sum, count) => sum + count, 0);
  expect(completed).toHaveLength(wanted);
  expect(new Set(completed.map((event) => event.call)).size).toBe(wanted);
  expect((await cadenza.bill(id)).calls.filter(({ estimated }) => !estimated)).toHaveLength(wanted);

  for (const [name, count] of Object.entries(CALLS)) {
    const rounds = ['DRAFT', 'REVIEW'].includes(name) ? [1, 2, 3].map((round) => `${name} ${round}`) : [name];
    const ofStep = completed.filter(({ step }) => step!.toUpperCase().startsWith(name));
    expect(ofStep).toHaveLength(count);
    for (const [index, words] of rounds.entries()) {
      const asked = provider
        .requests()
        .filter(({ text }) => text.includes(`"${words} `))
        .map(({ at }) => at);
      if (count === 0) {
        expect(asked).toEqual([]);
        continue;
      }
      const finishedAt = Date.parse(ofStep[index]!.at);
      expect(asked.filter((at) => at > finishedAt)).toEqual([]);
      expect(asked.length).toBeLessThanOrEqual(1 + killsDuring(kills, asked[0]!, finishedAt));
    }
  }
  console.log(`${KILLS} kills, ${wanted} calls, ${provider.requests().length - wanted} of them repeated`);
});
