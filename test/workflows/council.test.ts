import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { RunEvent } from '../../src/contract/index.ts';
import { sharedRanks, standingsOf } from '../../src/workflows/steps/rank.ts';
import { failWith, mockProvider, promptOf } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';

const GPT = 'openai/gpt-6-sol';
const CLAUDE = 'anthropic/claude-sonnet-5-5';
const GEMINI = 'gemini/gemini-3.8-flash';
const MEMBERS = [GPT, CLAUDE, GEMINI];
const CHAIRMAN = 'anthropic/claude-opus-5-5';
const QUESTION = 'Should the bridge be of glass';
const NAMES = /gpt|claude|gemini|openai|anthropic/i;

const WORTH: Record<string, number> = { 'gpt-6-sol': 2, 'claude-sonnet-5-5': 3, 'gemini-3.8-flash': 1 };
const policy = { candidates: [GPT], maxAttempts: 1 };

let bed: TestBed;
beforeAll(async () => {
  const provider = await mockProvider((request) => {
    const prompt = promptOf(request);
    if (prompt.includes('[A] Answer of')) return { content: 'Yes, of glass [A, B]. But not all of it [B].' };
    if (!prompt.includes('Answer A:')) return { content: `Yes, I think so. Worth ${WORTH[request.model]}.` };
    const found = [...prompt.matchAll(/Answer (\w):\n[^\n]*Worth (\d)/g)].map(([, letter, worth]) => ({
      letter,
      worth,
    }));
    const ranked = found.map(({ letter, worth }) => [
      letter,
      { comment: `worth ${worth} to me`, rank: 1 + found.filter((other) => other.worth! > worth!).length },
    ]);
    return { content: JSON.stringify(Object.fromEntries(ranked)) };
  });
  bed = await testBed({ provider });
});
afterAll(() => bed.close());

/** Steps of which words were streamed, in the order of their first word. */
function streamed(events: RunEvent[]): string[] {
  return [...new Set(events.flatMap((event) => (event.type === 'call.delta' ? [event.step!] : [])))];
}

test('a council of three providers streams three stages, one after the other', async () => {
  const prompt = `${QUESTION}, all three?`;
  const run = await bed.client.start('council', { prompt, members: MEMBERS, chairman: CHAIRMAN });
  const { answers, rankings, standings, absent, final } = await run.result();

  const events = await bed.eventsOf(run.id);
  const steps = streamed(events);
  expect(steps.slice(0, 3).sort()).toEqual(MEMBERS.map((member) => `answer/${member}`).sort());
  expect(steps.slice(3, 6).sort()).toEqual(MEMBERS.map((member) => `rank/${member}`).sort());
  expect(steps.slice(6)).toEqual(['chairman']);

  expect(answers.map(({ model }) => model)).toEqual(MEMBERS);
  expect(absent).toEqual([]);
  expect(rankings.map(({ member }) => member)).toEqual(MEMBERS);
  expect(standings.map(({ model, meanRank }) => [model, meanRank])).toEqual([
    [CLAUDE, 1],
    [GPT, 2],
    [GEMINI, 3],
  ]);
  expect(events.find((event) => event.type === 'verdict')).toMatchObject({
    step: 'rank',
    verdict: { method: 'mean rank', standings },
  });
  expect(final).toMatchObject({ model: CHAIRMAN, sources: [{ mentions: 1 }, { mentions: 2 }, { mentions: 0 }] });
  expect(final.text).toContain(`Sources: [A] ${GPT}, [B] ${CLAUDE}`);
});

test('members rank without names, their own answer among the others, each in an order of its own', async () => {
  const prompt = `${QUESTION}, unnamed?`;
  const run = await bed.client.start('council', { prompt, members: MEMBERS, chairman: CHAIRMAN });
  await run.result();
  const asked = bed.provider.requests().filter(({ text }) => text.includes(prompt) && text.includes('Answer A:'));
  expect(asked).toHaveLength(3);
  const orders = asked.map(({ text, model }) => {
    expect(text.replaceAll(model, '')).not.toMatch(NAMES);
    return [...text.matchAll(/Worth (\d)/g)].map(([, worth]) => worth).join('');
  });
  for (const order of orders) expect([...order].sort().join('')).toBe('123');
  expect(new Set(orders).size).toBeGreaterThan(1);
  const chairman = bed.provider.requests().find(({ text }) => text.includes(prompt) && text.includes('[A] Answer of'))!;
  expect(chairman.text).toContain('[B] mean rank 1.00 of 3');
  expect(chairman.text).toContain('worth 3 to me');
});

test('with one provider dead the council still ends, and says so', async () => {
  const prompt = `${QUESTION}, without one?`;
  bed.provider.first((request) => request.model === 'gpt-6-sol', failWith(503, 'down'));
  const run = await bed.client.start('council', { prompt, members: MEMBERS, chairman: GPT, policy });
  const { answers, absent, rankings, standings, final } = await run.result();

  expect(answers[0]).toMatchObject({ model: GPT, error: { type: 'Unavailable' } });
  expect(absent).toEqual([GPT]);
  expect(rankings.map(({ member }) => member)).toEqual([CLAUDE, GEMINI]);
  expect(standings.map(({ answer }) => answer)).toEqual([2, 3]);
  // the dead provider was to chair as well: the best ranked member does
  expect(final.model).toBe(CLAUDE);
  expect(final.sources.map(({ letter, answer, model }) => [letter, answer, model])).toEqual([
    ['A', 2, CLAUDE],
    ['B', 3, GEMINI],
  ]);

  const events = await bed.eventsOf(run.id);
  expect(events.find((event) => event.type === 'step.failed')).toMatchObject({
    step: `answer/${GPT}`,
    error: { type: 'Unavailable' },
  });
  expect(events.find((event) => event.type === 'call.fallback')).toMatchObject({
    step: 'chairman',
    from: GPT,
    to: CLAUDE,
  });
  const chairman = bed.provider
    .requests()
    .find(({ text, model }) => model === 'claude-sonnet-5-5' && text.includes(prompt) && text.includes('Answer of'))!;
  expect(chairman.text).toContain(`Of the 3 members of the council, 1 did not answer: ${GPT} (Unavailable)`);
});

test('a member that cannot rank is left out of the ranking', async () => {
  const prompt = `${QUESTION}, one cannot rank?`;
  bed.provider.first(
    (request) => request.model === 'gemini-3.8-flash' && promptOf(request).includes('Answer A:'),
    () => ({ content: 'They are all fine.' }),
  );
  const members = [CLAUDE, GEMINI];
  const run = await bed.client.start('council', { prompt, members, chairman: CHAIRMAN, policy });
  const { rankings, standings, final } = await run.result();
  expect(rankings[1]).toMatchObject({ member: GEMINI, error: { type: 'InvalidOutput' } });
  expect(standings.map(({ rankings: counted }) => counted)).toEqual([1, 1]);
  expect(final.text).toContain('Yes, of glass');
});

test('it fails only when no member answers', async () => {
  const prompt = `${QUESTION}, nobody?`;
  bed.provider.first((request) => JSON.stringify(request.messages).includes('nobody?'), failWith(503, 'down'));
  const run = await bed.client.start('council', { prompt, members: MEMBERS, chairman: CHAIRMAN, policy });
  await expect(run.result()).rejects.toMatchObject({
    error: { type: 'Unavailable', message: expect.stringContaining('None of 3 members answered') },
  });
});

const bad: [string, object, string][] = [
  ['a member that is not known', { members: [GPT, 'openai/gpt-0'] }, 'input.members[1]'],
  ['a chairman that is not known', { chairman: 'openai/gpt-0' }, 'input.chairman'],
  ['a council of one', { members: [GPT] }, 'input.members'],
  ['a member named twice', { members: [GPT, GPT] }, 'input.members'],
];
test.each(bad)('%s is refused before anything starts', async (_, changed, path) => {
  const input = { prompt: 'x', members: MEMBERS, chairman: CHAIRMAN, ...changed };
  await expect(bed.client.start('council', input)).rejects.toMatchObject({ error: { type: 'InvalidRequest', path } });
});

test('equal ranks share the mean of their places', () => {
  expect(sharedRanks([1, 1, 3])).toEqual([1.5, 1.5, 3]);
  expect(sharedRanks([2, 2, 2])).toEqual([2, 2, 2]);
  expect(sharedRanks([5, 1])).toEqual([2, 1]);
});

test('standings are mean ranks over those that ranked', () => {
  const places = (...ranks: number[]) =>
    ranks.map((rank, index) => ({ answer: index + 1, model: `x/${index + 1}`, rank, comment: '' }));
  expect(
    standingsOf([
      { member: 'x/1', places: places(3, 1, 2) },
      { member: 'x/2', places: places(3, 2, 1) },
      { member: 'x/3', error: { type: 'InvalidOutput', message: 'no' } },
    ]),
  ).toEqual([
    { answer: 2, model: 'x/2', meanRank: 1.5, rankings: 2 },
    { answer: 3, model: 'x/3', meanRank: 1.5, rankings: 2 },
    { answer: 1, model: 'x/1', meanRank: 3, rankings: 2 },
  ]);
});
