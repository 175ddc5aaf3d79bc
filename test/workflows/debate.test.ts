import type { ChatCompletionRequest, FixtureResponse } from '@copilotkit/aimock';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { DebateInput, RunEvent } from '../../src/contract/index.ts';
import { agreementOf, type Debate } from '../../src/workflows/debate/decision.ts';
import { failWith, mockProvider, promptOf, USAGE } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';

const GPT = 'openai/gpt-6-sol';
const CLAUDE = 'anthropic/claude-sonnet-5-5';
const GEMINI = 'gemini/gemini-3.8-flash';
const JUDGE = 'anthropic/claude-opus-5-5';
const NAMES = /gpt|claude|gemini|openai|anthropic/i;
const THREE = [{ model: GPT }, { model: CLAUDE }, { model: GEMINI }];
const policy = { candidates: [GPT], maxAttempts: 1 };

/** What each debater holds, round by round, by a word in the question. */
const SCRIPTS: Record<string, Record<string, string[]>> = {
  converge: { A: ['41', '42'], B: ['42.', '42'], C: ['forty', '41', '42'] },
  stubborn: { A: ['glass'], B: ['wood'], C: ['steel'] },
  majority: { A: ['glass'], B: ['wood'], C: ['Wood.'] },
  wording: { A: ['of wood'], B: ['a wooden one'], C: ['wood it is'] },
  advocate: { A: ['wood'], B: ['wood'], C: ['glass'] },
};

let bed: TestBed;

function textOf(request: ChatCompletionRequest): string {
  return JSON.stringify(request.messages);
}

function reply(request: ChatCompletionRequest): FixtureResponse {
  const text = textOf(request);
  const [, word = 'converge'] = /Question: (\w+)/.exec(text) ?? [];
  if (text.includes('You judge a debate')) return judgement(text);
  if (text.includes('came to agree')) return { content: 'Of wood, all say so.', usage: USAGE };
  if (text.includes('differ in substance')) {
    return { content: JSON.stringify({ reason: 'all say wood', differ: word !== 'wording' }), usage: USAGE };
  }
  if (text.includes('You rank answers')) {
    const found = [...promptOf(request).matchAll(/Answer (\w):\n[^\n]*\n\nPosition: (\w+)/g)];
    const places = found.map(([, letter, held]) => [letter, { comment: `on ${held}`, rank: held === 'wood' ? 1 : 2 }]);
    return { content: JSON.stringify(Object.fromEntries(places)), usage: USAGE };
  }
  const [, letter = 'A'] = /You are debater (\w)/.exec(text) ?? [];
  const round = Number(/This is round (\d)/.exec(text)?.[1] ?? 1);
  const held = SCRIPTS[word]![letter]!;
  const position = held[Math.min(round, held.length) - 1]!;
  return { content: JSON.stringify({ argument: `Argument ${round} of ${letter}.`, position }), usage: USAGE };
}

function judgement(text: string): FixtureResponse {
  const letters = [...new Set([...text.matchAll(/Debater (\w):/g)].map(([, letter]) => letter!))];
  const debaters = letters.map((letter) => [
    letter,
    { reason: `${letter} shows it`, score: letter === 'B' ? 0.9 : 0.4 },
  ]);
  const said = { debaters: Object.fromEntries(debaters), reason: 'B was not refuted.', answer: 'Build it of wood.' };
  return { content: JSON.stringify(said), usage: USAGE };
}

beforeAll(async () => {
  bed = await testBed({ provider: await mockProvider(reply) });
});
afterAll(() => bed.close());

async function debated(input: Partial<DebateInput> & { question: string }) {
  const run = await bed.client.start('debate', { debaters: THREE, ...input });
  const result = await run.result();
  return { id: run.id, result, events: await bed.eventsOf(run.id) };
}

function verdictsOf(events: RunEvent[]): unknown[] {
  return events.flatMap((event) => (event.type === 'verdict' ? [event.verdict] : []));
}

function asked(text: string) {
  return bed.provider.requests().filter((one) => one.text.includes(text));
}

test('three debaters debate three rounds, and end as they agree', async () => {
  const { result, events } = await debated({ question: 'converge: what is six times seven?', rounds: 5 });
  const { transcript, rounds, ended, verdict, absent, final } = result;

  expect({ rounds, ended, absent }).toEqual({ rounds: 3, ended: 'agreed', absent: [] });
  expect(transcript.map(({ round, speaker, model, position }) => [round, speaker, model, position])).toEqual([
    [1, 'A', GPT, '41'],
    [1, 'B', CLAUDE, '42.'],
    [1, 'C', GEMINI, 'forty'],
    [2, 'A', GPT, '42'],
    [2, 'B', CLAUDE, '42'],
    [2, 'C', GEMINI, '41'],
    [3, 'A', GPT, '42'],
    [3, 'B', CLAUDE, '42'],
    [3, 'C', GEMINI, '42'],
  ]);
  expect(verdict).toMatchObject({ method: 'agreement', position: '42', heldBy: ['A', 'B', 'C'] });
  expect(final.text).toBe('42\n\nArgument 3 of A.');
  expect(verdictsOf(events)).toMatchObject([
    { round: 1, agreed: false, agreement: 1 / 3 },
    { round: 2, agreed: false, agreement: 2 / 3 },
    { round: 3, agreed: true, agreement: 1 },
    { method: 'agreement' },
  ]);
  const steps = events.flatMap((event) => (event.type === 'call.completed' ? [event.step] : []));
  expect(steps).toHaveLength(9);
  expect(steps.slice(3, 6).sort()).toEqual(['round-2/A', 'round-2/B', 'round-2/C']);
});

test('debaters read the last words of the others by letter, the next one first, and no model is named', async () => {
  await debated({ question: 'stubborn: which one, unnamed?', rounds: 2 });
  const second = asked('which one, unnamed?').filter(({ text }) => text.includes('This is round 2'));
  expect(second).toHaveLength(3);
  for (const { text, model } of second) expect(text.replaceAll(model, '')).not.toMatch(NAMES);
  const orders = second.map(({ text }) => [...text.matchAll(/Debater (\w):/g)].map(([, letter]) => letter).join(''));
  expect(orders.sort()).toEqual(['AB', 'BC', 'CA']);
});

test('a judge reads the whole debate, scores the debaters and writes the answer', async () => {
  const { result } = await debated({ question: 'stubborn: judged?', rounds: 2, judge: JUDGE });
  const { verdict, final, ended, rounds } = result;
  expect({ ended, rounds }).toEqual({ ended: 'rounds', rounds: 2 });
  expect(verdict).toEqual({
    method: 'judge',
    position: 'wood',
    heldBy: ['B'],
    reason: 'B was not refuted.',
    scores: [
      { speaker: 'A', score: 0.4, reason: 'A shows it' },
      { speaker: 'B', score: 0.9, reason: 'B shows it' },
      { speaker: 'C', score: 0.4, reason: 'C shows it' },
    ],
  });
  expect(final).toMatchObject({ text: 'Build it of wood.', model: JUDGE });
  const [judge] = asked('stubborn: judged?').filter(({ text }) => text.includes('You judge a debate'));
  expect(judge!.text).toMatch(/Argument 1 of A\..*Argument 1 of C\..*Argument 2 of B\..*Argument 2 of A\./s);
  expect(judge!.text.replaceAll(judge!.model, '')).not.toMatch(NAMES);
});

test('a judge ends the debate where the positions differ in words alone', async () => {
  const { result, events } = await debated({ question: 'wording: of what?', judge: JUDGE });
  expect(result).toMatchObject({ rounds: 1, ended: 'agreed', verdict: { method: 'agreement', position: 'of wood' } });
  expect(result.final).toMatchObject({ text: 'Of wood, all say so.', model: JUDGE });
  expect(verdictsOf(events)[0]).toMatchObject({ agreed: true, reason: 'all say wood' });
  const counted = await debated({ question: 'wording: of what, in words?', judge: JUDGE, agreement: 'words' });
  expect(counted.result).toMatchObject({ rounds: 3, ended: 'rounds', verdict: { method: 'judge' } });
});

test('without a judge most votes win, and where there are none, the debaters rank each other without names', async () => {
  const { result: most } = await debated({ question: 'majority: of what?', rounds: 1 });
  expect(most.verdict).toMatchObject({ method: 'vote', position: 'wood', heldBy: ['B', 'C'] });
  expect(most.final).toMatchObject({ text: 'wood\n\nArgument 1 of B.', model: CLAUDE });

  const { result: none } = await debated({ question: 'stubborn: ranked?', rounds: 1 });
  expect(none.verdict).toMatchObject({
    method: 'ranking',
    position: 'wood',
    standings: [
      { speaker: 'B', meanRank: 1 },
      { speaker: 'A', meanRank: 2.5 },
      { speaker: 'C', meanRank: 2.5 },
    ],
  });
});

test('a judge that fails leaves it to the vote', async () => {
  bed.provider.first(({ model }) => model === 'claude-opus-5-5', failWith(503, 'down'));
  const judge = { candidates: [JUDGE], maxAttempts: 1 };
  const { result, events } = await debated({ question: 'majority: the judge is away?', rounds: 1, judge });
  expect(result.verdict).toMatchObject({ method: 'vote', position: 'wood' });
  expect(events.find((event) => event.type === 'step.failed')).toMatchObject({ step: 'judge' });
});

test('what others agree on outlasts a round of the devil’s advocate, who does not count', async () => {
  const debaters = [{ model: GPT }, { model: CLAUDE }, { name: 'Lucifer', model: GEMINI, role: "devil's advocate" }];
  const { result } = await debated({ question: 'advocate: of what?', debaters });
  expect(result).toMatchObject({
    rounds: 2,
    ended: 'agreed',
    verdict: { method: 'agreement', position: 'wood', heldBy: ['A', 'B'] },
  });
  expect(result.transcript.at(-1)).toMatchObject({ speaker: 'Lucifer', letter: 'C', role: "devil's advocate" });
  const lucifer = asked('advocate: of what?').find(({ text }) => text.includes('You are debater C'))!;
  expect(lucifer.text).toContain('the strongest case against it');
});

test('a debater that fails is left out from then on, and named', async () => {
  bed.provider.first(
    (request) => request.model === 'gpt-6-sol' && /one is lost.*This is round 2/.test(textOf(request)),
    failWith(503, 'down'),
  );
  const { result, events } = await debated({ question: 'majority: one is lost?', policy });
  expect(result.absent).toMatchObject([{ speaker: 'A', round: 2, error: { type: 'Unavailable' } }]);
  expect(result).toMatchObject({ rounds: 2, ended: 'agreed', verdict: { position: 'wood', heldBy: ['B', 'C'] } });
  expect(events.find((event) => event.type === 'step.failed')).toMatchObject({ step: 'round-2/A' });

  bed.provider.first(
    ({ model, messages }) => model !== 'gpt-6-sol' && JSON.stringify(messages).includes('alone?'),
    failWith(503, 'down'),
  );
  const { result: alone } = await debated({ question: 'majority: alone?', policy });
  expect(alone).toMatchObject({ rounds: 1, ended: 'alone', verdict: { method: 'alone', position: 'glass' } });
  expect(alone.absent).toHaveLength(2);
});

test('it fails only when no debater is left', async () => {
  bed.provider.first((request) => textOf(request).includes('nobody?'), failWith(503, 'down'));
  const run = await bed.client.start('debate', { question: 'nobody?', debaters: THREE, policy });
  await expect(run.result()).rejects.toMatchObject({
    error: { type: 'Unavailable', message: expect.stringContaining('None of 3 debaters answered') },
  });
});

const bad: [string, object, string][] = [
  ['a debate without debaters', { debaters: [] }, 'input.debaters'],
  ['a debate of one', { debaters: [{ model: GPT }] }, 'input.debaters'],
  ['a debater that is not known', { debaters: [{ model: GPT }, { model: 'openai/gpt-0' }] }, 'input.debaters[1].model'],
  [
    'a debater with model and policy',
    { debaters: [{ model: GPT }, { model: GPT, policy: GPT }] },
    'input.debaters[1].model',
  ],
  ['two debaters of one name', { debaters: [{ name: 'B', model: GPT }, { model: GPT }] }, 'input.debaters[1].name'],
  ['a debater called judge', { debaters: [{ name: 'judge' }, { model: GPT }] }, 'input.debaters[0].name'],
  ['no judge to ask', { agreement: 'judge' }, 'input.agreement'],
  ['a judge that is not known', { judge: 'openai/gpt-0' }, 'input.judge'],
];
test.each(bad)('%s is refused before anything starts', async (_, changed, path) => {
  const input = { question: 'x', debaters: THREE, ...changed };
  await expect(bed.client.start('debate', input)).rejects.toMatchObject({ error: { type: 'InvalidRequest', path } });
});

test('two who count agree or not by how a vote reads their words', async () => {
  const debate = (...positions: string[]): Debate => ({
    question: 'x',
    round: 2,
    named: (name) => name,
    seats: positions.map((_, index) => ({ letter: `${index}`, name: `${index}`, policy })),
    transcript: positions.map((position, index) => ({
      ...{ round: 2, speaker: `${index}`, letter: `${index}`, model: GPT, text: '', costUsd: 0 },
      position,
      usage: { inputTokens: 0, outputTokens: 0 },
    })),
  });
  expect(await agreementOf(debate('1,000.0', '**1000**'), undefined)).toMatchObject({ agreed: true, agreement: 1 });
  expect(await agreementOf(debate('1000', '-1000'), undefined)).toMatchObject({ agreed: false, agreement: 0.5 });
  expect(await agreementOf(debate('1000', '1000'), 'never')).toMatchObject({ agreed: false, agreement: 1 });
});
