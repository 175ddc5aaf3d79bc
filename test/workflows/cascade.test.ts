import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { AskInput, CascadeRoute } from '../../src/contract/index.ts';
import { FAST, ROUTING_CONFIG, STRONG } from '../setup/forty-prompts.ts';
import { activitiesOf } from '../setup/history.ts';
import { failWith, mockProvider, promptOf, USAGE } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';

let bed: TestBed;
let draws: string[] = [];
beforeAll(async () => {
  const provider = await mockProvider((request) => {
    const prompt = promptOf(request);
    const reply = (content: string) => ({ content, usage: USAGE });
    if (JSON.stringify(request.messages).includes('You judge answers')) {
      const score = prompt.includes('Lisbon') ? 0.95 : 0.2;
      return reply(JSON.stringify({ answers: { A: { reason: 'see the map', score } }, reason: 'see the map' }));
    }
    if (prompt.includes('draw')) return reply(draws.shift() ?? 'nothing left to draw');
    if (request.model === 'gpt-6-luna') return reply(prompt.includes('Portugal') ? 'Lisbon' : 'I do not know');
    return reply(request.response_format || prompt.includes('JSON') ? '{"n":2}' : 'a good answer');
  });
  bed = await testBed({ provider, config: ROUTING_CONFIG });
});
afterAll(() => bed.close());

const judged: CascadeRoute = {
  strategy: 'cascade',
  stages: ['fast'],
  accept: { check: 'judge', policy: 'openai/gpt-6-sol', minScore: 0.7 },
  default: 'strong',
};

async function ask(input: Partial<AskInput>) {
  const run = await bed.client.start('ask', input as AskInput);
  const answer = await run.result();
  const events = await bed.eventsOf(run.id);
  const decided = events.find((event) => event.type === 'route.decided')!;
  const checks = events.flatMap((event) =>
    event.type === 'verdict' && 'stage' in (event.verdict as object) ? [event.verdict] : [],
  );
  const summaries = (await activitiesOf(bed.temporal, run.id)).map(({ summary }) => summary);
  return { id: run.id, answer, events, decided, checks, summaries };
}

test('a good cheap answer is kept, and the strong model is not asked', async () => {
  const { answer, decided, checks, summaries, id } = await ask({
    prompt: 'What is the capital of Portugal?',
    route: judged,
  });
  expect(answer).toMatchObject({ text: 'Lisbon', model: FAST });
  expect(decided).toMatchObject({ choice: 'fast', confidence: 0.95, rejected: [] });
  expect(checks).toEqual([
    { stage: 'fast', accepted: true, score: 0.95, reason: 'The judge gave it 0.95, at least 0.7: see the map' },
  ]);
  expect(summaries).toEqual([`${FAST} · route/fast`, 'openai/gpt-6-sol · route/judge']);
  const bill = await bed.client.bill(id);
  expect(bill.calls.map(({ model }) => model)).toEqual([FAST, 'openai/gpt-6-sol']);
});

test('a bad cheap answer escalates, seen in the events and as activities in the history', async () => {
  const { answer, decided, checks, summaries, events } = await ask({
    prompt: 'What is the capital of Atlantis?',
    route: judged,
  });
  expect(answer).toMatchObject({ text: 'a good answer', model: STRONG });
  expect(decided).toMatchObject({
    step: 'route',
    choice: 'strong',
    reason: 'No cheaper answer was accepted',
    rejected: [{ choice: 'fast', confidence: 0.2, reason: 'The judge gave it 0.2, below 0.7: see the map' }],
  });
  expect(checks).toMatchObject([{ stage: 'fast', accepted: false, score: 0.2 }]);
  expect(summaries).toEqual([`${FAST} · route/fast`, 'openai/gpt-6-sol · route/judge', `${STRONG} · route/strong`]);
  // the reader hears of the escalation before the strong model is asked
  const order = events.map((event) => `${event.type} ${event.step ?? ''}`);
  expect(order.indexOf('verdict route/fast')).toBeLessThan(order.indexOf('call.started route/strong'));
});

test('samples that agree are accepted, at the price of all of them', async () => {
  draws = ['It is 42.', 'it is 42', 'It is 41.'];
  const accept = { check: 'agreement', samples: 3, minAgreement: 0.6 } as const;
  const { answer, decided, summaries } = await ask({ prompt: 'draw once', route: { ...judged, accept } });
  expect(answer.model).toBe(FAST);
  expect(answer.text.toLowerCase()).toContain('it is 42');
  expect(decided).toMatchObject({
    choice: 'fast',
    confidence: 2 / 3,
    reason: '2 of 3 samples say the same, at least 0.6',
  });
  expect(summaries.sort()).toEqual([1, 2, 3].map((n) => `${FAST} · route/fast/sample/${n}`));
});

test('samples that disagree escalate', async () => {
  draws = ['41', '42', '43', 'forty-four'];
  const accept = { check: 'agreement', samples: 3, minAgreement: 0.6 } as const;
  const { answer, decided } = await ask({ prompt: 'draw again', route: { ...judged, accept } });
  expect(answer).toMatchObject({ model: STRONG, text: 'forty-four' });
  expect(decided).toMatchObject({
    choice: 'strong',
    rejected: [{ choice: 'fast', reason: '1 of 3 samples say the same, below 0.6' }],
  });
});

test('an answer that does not fit the schema escalates', async () => {
  const schema = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] };
  const { answer, decided } = await ask({
    prompt: 'Give n as JSON.',
    route: { ...judged, accept: { check: 'schema' } },
    schema,
  });
  expect(answer).toMatchObject({ model: STRONG, object: { n: 2 } });
  expect(decided).toMatchObject({
    choice: 'strong',
    rejected: [{ choice: 'fast', reason: expect.stringContaining('not what was asked for') }],
  });
});

test('a cheap model that is down is a stage not accepted', async () => {
  bed.provider.first(
    (request) => request.model === 'gpt-6-luna' && promptOf(request) === 'Hello?',
    failWith(503, 'down'),
  );
  const { answer, decided, events } = await ask({ prompt: 'Hello?', route: judged });
  expect(answer.model).toBe(STRONG);
  expect(decided).toMatchObject({ choice: 'strong', rejected: [{ choice: 'fast' }] });
  expect(events.find((event) => event.type === 'step.failed')).toMatchObject({ step: 'route/fast' });
});

test('a check that cannot be made leaves it to the default', async () => {
  bed.provider.first(
    (request) => request.model === 'gpt-6-sol' && promptOf(request).includes('judge is out'),
    failWith(401, 'no'),
  );
  const { answer, decided } = await ask({ prompt: 'The judge is out?', route: judged });
  expect(answer.model).toBe(STRONG);
  expect(decided).toMatchObject({ choice: 'strong', reason: expect.stringContaining('The router failed') });
  const none = await ask({ prompt: 'No schema?', route: { ...judged, accept: { check: 'schema' } } });
  expect(none.answer.model).toBe(STRONG);
  expect(none.decided.reason).toContain('There is no schema to check answers against');
});
