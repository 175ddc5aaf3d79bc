import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type ChatPeer, type ChatScript, chatPeer } from '../setup/chat-peer.ts';
import { resetToStart } from '../setup/reset.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';

const direct = { lane: 'direct' } as const;
const policy = { candidates: ['house/a'], cache: false as const, maxAttempts: 2 };
const models = ['house/a', 'house/b', 'house/c'];
const refused = { status: 401, error: 'no such key' };
/** longer than a run waits in the direct lane */
const busy = { status: 429, retryAfter: '6', error: 'slow down' };
const broken: ChatScript = { words: ['half ', 'an '], end: 'cut' };

/** who was asked, and what for: `c`, `a ranks`, `j judges`, `j merges` */
let asked: string[];
/** what becomes of requests of a kind, in their order; the last one of all that follow, `well` of those that go well */
let plans: Record<string, (ChatScript | (() => Promise<ChatScript>) | 'well')[]>;
let peer: ChatPeer;
let bed: TestBed;
beforeAll(async () => {
  peer = await chatPeer(async (prompt, _, { model }) => {
    const letters = [...prompt.matchAll(/^Answer (\w):/gm)].map(([, letter]) => letter!);
    const task = prompt.includes('[A] Answer of') ? ' merges' : letters.length === 0 ? '' : taskOf(model);
    const kind = `${model}${task}`;
    asked.push(kind);
    const nth = asked.filter((one) => one === kind).length;
    const plan = plans[kind]?.[nth - 1] ?? plans[kind]?.at(-1) ?? 'well';
    if (typeof plan === 'function') return plan();
    if (plan !== 'well') return plan;
    const marks = (mark: (index: number) => object) =>
      Object.fromEntries(letters.map((letter, index) => [letter, mark(index)]));
    const scores = { answers: marks(() => ({ reason: 'so', score: 0.5 })), reason: 'so' };
    if (task === ' judges') return { words: [JSON.stringify(scores)] };
    if (task === ' ranks') return { words: [JSON.stringify(marks((index) => ({ comment: 'so', rank: index + 1 })))] };
    return { words: [`${kind}, ${nth}`] };
  });
  bed = await testBed({ config: { providers: { house: peer.provider } } });
});
afterAll(async () => {
  await bed.close();
  await peer.stop();
});
beforeEach(() => {
  asked = [];
  plans = {};
});

function taskOf(model: string): string {
  return model === 'j' ? ' judges' : ' ranks';
}

async function eventsOf(id: string) {
  const events = await bed.eventsOf(id);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  const steps = (type: string) => events.flatMap((event) => (event.type === type ? [event.step] : []));
  return { events, failed: steps('step.failed'), completed: steps('step.completed') };
}

test('a step that failed is not asked again when a workflow goes on: what came after stays paid once', async () => {
  plans = { c: [refused, 'well'], 'j merges': [busy, 'well'] };
  const input = { prompt: 'Which of them?', models, judge: 'house/j', merge: 'house/j', policy };
  const run = await bed.client.start('compare', input, direct);
  const { answers, merged } = await run.result();
  expect(asked.toSorted()).toEqual(['a', 'b', 'c', 'j judges', 'j merges', 'j merges']);
  expect(answers[2]).toMatchObject({ model: 'house/c', error: { type: 'AuthenticationFailed', step: 'house/c' } });
  expect(merged?.text).toContain('j merges, 2');

  const { failed, completed, events } = await eventsOf(run.id);
  expect(failed).toEqual(['house/c']);
  expect(completed.toSorted()).toEqual(['house/a', 'house/b', 'judge', 'merge']);
  expect(events.filter(({ type }) => type === 'verdict')).toHaveLength(1);
  const { calls } = await bed.client.bill(run.id);
  expect(calls.map(({ step }) => step).toSorted()).toEqual(['house/a', 'house/b', 'judge', 'merge']);

  // A person who resets it wants it done anew.
  await resetToStart(bed.temporal, run.id);
  expect((await bed.client.result(run.id)) as typeof input).toMatchObject({ answers: [{}, {}, { text: 'c, 2' }] });
});

test('a member of a council that failed stays absent', async () => {
  plans = { c: [refused, 'well'], 'b ranks': [busy, 'well'] };
  const input = { prompt: 'Who is right?', members: models, chairman: 'house/j', policy };
  const run = await bed.client.start('council', input, direct);
  expect((await run.result()).absent).toEqual(['house/c']);
  expect(asked.toSorted()).toEqual(['a', 'a ranks', 'b', 'b ranks', 'b ranks', 'c', 'j merges']);
  expect((await eventsOf(run.id)).failed).toEqual(['answer/house/c']);
});

test('a sample that was left out stays so', async () => {
  plans = { a: ['well', refused, 'well'], 'j judges': [busy, 'well'] };
  const run = await bed.client.start('best-of', { prompt: 'The best?', n: 3, judge: 'house/j', policy }, direct);
  const { candidates } = await run.result();
  expect(candidates.filter((one) => 'error' in one)).toHaveLength(1);
  expect(asked.toSorted()).toEqual(['a', 'a', 'a', 'j judges', 'j judges']);
});

test('one that breaks off for good while the run is handed over is paid as often as in a workflow', async () => {
  const isAskedAgain = Promise.withResolvers<void>();
  const isHandedOver = Promise.withResolvers<void>();
  const lastWords = async () => {
    isAskedAgain.resolve();
    await isHandedOver.promise;
    return broken;
  };
  const busyThen = async () => {
    await isAskedAgain.promise;
    setImmediate(isHandedOver.resolve);
    return busy;
  };
  plans = { a: [busyThen, 'well'], c: [broken, lastWords, 'well'] };
  const run = await bed.client.start('compare', { prompt: 'To the end?', models, policy }, direct);
  expect((await run.result()).answers).toMatchObject([{ text: 'a, 2' }, {}, { error: { type: 'ConnectionLost' } }]);
  expect(asked.toSorted()).toEqual(['a', 'a', 'b', 'c', 'c']);
  const { calls } = await bed.client.bill(run.id);
  expect(calls.filter(({ step }) => step === 'house/c')).toHaveLength(2);
});

test('what a step waits for is asked again: an outage that ends is no failure', async () => {
  plans = { a: [busy, 'well'], b: [busy, 'well'] };
  const run = await bed.client.start('compare', { prompt: 'When they are back?', models, policy }, direct);
  expect((await run.result()).answers).toMatchObject([{ text: 'a, 2' }, { text: 'b, 2' }, { text: 'c, 1' }]);
});
