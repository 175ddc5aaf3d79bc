import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { AskInput, Route, RunEvent, RunOptions } from '../../src/contract/index.ts';
import { FAST, FORTY, type LabelledPrompt, ROUTES, ROUTING_CONFIG, STRONG } from '../setup/forty-prompts.ts';
import { activitiesOf } from '../setup/history.ts';
import { failWith, mockProvider, promptOf, USAGE } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';

const LABELS: Record<LabelledPrompt['kind'], string> = {
  simple: 'fast',
  code: 'strong',
  maths: 'strong',
  long: 'strong',
};
/** What one answer of 20 tokens in and 10 out costs, USD, as the price list says: found by asking, not written down. */
let strongUsd: number;

let bed: TestBed;
beforeAll(async () => {
  const provider = await mockProvider((request) => {
    const said = JSON.stringify(request.messages);
    const prompt = promptOf(request);
    if (said.includes('You sort requests')) {
      const { kind } = FORTY.find((one) => prompt.includes(one.prompt))!;
      return { content: JSON.stringify({ label: LABELS[kind], confidence: 0.9 }), usage: USAGE };
    }
    if (said.includes('You judge answers')) {
      const score = prompt.includes('poor answer') ? 0.2 : 0.9;
      const reason = score > 0.5 ? 'right' : 'wrong';
      return { content: JSON.stringify({ answers: { A: { reason, score } }, reason }), usage: USAGE };
    }
    const kind = FORTY.find((one) => one.prompt === prompt)?.kind;
    const poor = request.model === 'gpt-6-luna' && kind !== 'simple';
    return { content: poor ? 'a poor answer' : 'a good answer', usage: USAGE };
  });
  bed = await testBed({ provider, config: ROUTING_CONFIG });
  strongUsd = (await (await bed.client.start('ask', { prompt: 'price?', policy: 'strong' })).result()).costUsd!;
});
afterAll(() => bed.close());

type Decided = Extract<RunEvent, { type: 'route.decided' }>;

async function ask(input: AskInput, options: RunOptions = {}) {
  const run = await bed.client.start('ask', input, options);
  const answer = await run.result();
  const events = await bed.eventsOf(run.id);
  const decided = events.filter((event) => event.type === 'route.decided') as Decided[];
  return { id: run.id, answer, events, decided: decided[0]!, times: decided.length };
}

/** All forty, eight at a time. */
async function askAll(route: string) {
  const asked: { kind: LabelledPrompt['kind']; choice: string; model: string; usd: number; reason: string }[] = [];
  const waiting = [...FORTY];
  const askNext = async (): Promise<void> => {
    const next = waiting.shift();
    if (!next) return;
    const { id, answer, decided, times } = await ask({ prompt: next.prompt, route });
    expect(times).toBe(1);
    const { totalUsd } = await bed.client.bill(id);
    const { choice, reason } = decided;
    asked.push({ kind: next.kind, choice, reason, model: answer.model, usd: totalUsd! });
    return askNext();
  };
  await Promise.all(Array.from({ length: 8 }, askNext));
  return asked;
}

const expected: Record<string, Record<LabelledPrompt['kind'], string>> = {
  rules: LABELS,
  classifier: LABELS,
  semantic: LABELS,
  // the judge finds the cheap answers to everything but the simple prompts poor
  cascade: LABELS,
  // the best one a call of which costs less than 0.002 USD; the long prompts would cost more
  goal: { simple: 'strong', code: 'strong', maths: 'strong', long: 'fast' },
};

test.each(Object.keys(ROUTES))(
  'forty mixed prompts go where %s should send them, and cost less than all of them asked of the strong model',
  async (route) => {
    const asked = await askAll(route);
    expect(asked).toHaveLength(40);
    for (const { kind, choice, model, reason } of asked) {
      expect({ kind, choice, reason }).toEqual({ kind, choice: expected[route]![kind], reason: expect.any(String) });
      expect(model).toBe(choice === 'fast' ? FAST : STRONG);
    }
    const usd = asked.reduce((sum, one) => sum + one.usd, 0);
    expect(usd).toBeGreaterThan(0);
    expect(usd).toBeLessThan(40 * strongUsd);
  },
);

test('a decision by rules says what held, and why the rules before it did not', async () => {
  const { decided, events, id } = await ask({
    prompt: FORTY.find(({ kind }) => kind === 'maths')!.prompt,
    route: 'rules',
  });
  expect(decided).toMatchObject({
    step: 'route',
    choice: 'strong',
    reason: 'It asks for mathematics',
    rejected: [
      { choice: 'strong', reason: 'Rule 1: it has no code' },
      { choice: 'strong', reason: expect.stringMatching(/^Rule 2: \d+ tokens, below 300$/) },
    ],
  });
  expect(events.map(({ type }) => type).indexOf('route.decided')).toBeLessThan(
    events.map(({ type }) => type).indexOf('call.started'),
  );
  // deciding took no activity of its own
  expect(await activitiesOf(bed.temporal, id)).toEqual([
    { type: 'callModel', summary: `${STRONG} · ask`, failed: false },
  ]);
});

test('rules know the tenant and the metadata of the run, images, and the language', async () => {
  const route: Route = {
    strategy: 'rules',
    rules: [
      { when: { tenant: ['acme', 'globex'] }, choose: 'strong', reason: 'tenant' },
      { when: { metadata: { tier: 'gold' } }, choose: 'strong', reason: 'metadata' },
      { when: { images: true }, choose: 'strong', reason: 'images' },
      { when: { language: 'de' }, choose: 'strong', reason: 'language' },
    ],
    default: 'fast',
  };
  const reasonOf = async (input: Partial<AskInput>, options?: RunOptions) =>
    (await ask({ route, ...input } as AskInput, options)).decided.reason;
  const prompt = 'How high is the highest mountain?';
  expect(await reasonOf({ prompt }, { tenant: 'globex' })).toBe('tenant');
  expect(await reasonOf({ prompt }, { tenant: 'initech', metadata: { tier: 'gold' } })).toBe('metadata');
  const image = { type: 'image', url: 'https://example.com/mountain.png' } as const;
  expect(await reasonOf({ messages: [{ role: 'user', content: [image, { type: 'text', text: prompt }] }] })).toBe(
    'images',
  );
  expect(await reasonOf({ prompt: 'Wie hoch ist eigentlich der höchste Berg der Schweiz?' })).toBe('language');
  expect(await reasonOf({ prompt })).toContain('No rule holds');
});

test('a classifier that is not sure leaves it to the default', async () => {
  const prompt = 'What shall I have for dinner?';
  bed.provider.first(
    (request) => JSON.stringify(request.messages).includes('You sort requests') && promptOf(request).includes('dinner'),
    () => ({ content: JSON.stringify({ label: 'fast', confidence: 0.4 }) }),
  );
  const { decided, answer, id } = await ask({ prompt, route: 'classifier' });
  expect(decided).toMatchObject({
    choice: 'strong',
    confidence: 0.4,
    rejected: [{ choice: 'fast', reason: 'Classified as fast with 0.4, below 0.6' }],
  });
  expect(answer.model).toBe(STRONG);
  expect((await activitiesOf(bed.temporal, id)).map(({ summary }) => summary)).toEqual([
    `${FAST} · route/classify`,
    `${STRONG} · ask`,
  ]);
});

const broken: [string, Route, (request: { messages: unknown; model: string }) => boolean, object][] = [
  [
    'a provider that is down',
    { ...ROUTES.classifier!, model: 'openai/gpt-6-sol' } as Route,
    ({ model }) => model === 'gpt-6-sol',
    failWith(503, 'down')({} as never),
  ],
  [
    'a label that does not exist',
    { ...ROUTES.classifier!, model: 'openai/gpt-6-astra' } as Route,
    ({ model }) => model === 'gpt-6-astra',
    { content: '{"label":"huge","confidence":1}' },
  ],
  [
    'embeddings that cannot be had',
    { ...ROUTES.semantic!, embeddings: 'openai/text-embedding-none' } as Route,
    ({ model }) => model === 'text-embedding-none',
    failWith(500, 'down')({} as never),
  ],
];

test.each(broken)('a router with %s takes its default, and the run goes on', async (what, route, matches, reply) => {
  bed.provider.first(
    (request) => matches(request),
    () => reply as never,
  );
  const { decided, answer, times } = await ask({ prompt: `Name a river, with ${what}`, route });
  expect(decided).toMatchObject({ choice: 'strong', reason: expect.stringContaining('The router failed') });
  expect(times).toBe(1);
  expect(answer).toMatchObject({ text: 'a good answer', model: STRONG });
});

test('a model that answers too late is a router that failed', async () => {
  bed.provider.first(
    (request) =>
      JSON.stringify(request.messages).includes('You sort requests') && promptOf(request).includes('too late'),
    () => ({ content: '{"label":"fast","confidence":1}' }),
    { latency: 600, chunkSize: 1_000 },
  );
  const route = { ...ROUTES.classifier!, timeoutMs: 150 } as Route;
  const { decided, id } = await ask({ prompt: 'Is it too late?', route });
  expect(decided).toMatchObject({ choice: 'strong', reason: expect.stringContaining('within 150 ms') });
  // Readers hear that its own step has no result.
  const failed = (await bed.eventsOf(id)).filter(({ type }) => type === 'step.failed');
  expect(failed).toMatchObject([{ step: 'route/classify', error: { type: 'Timeout' } }]);
});

test('by goal, the next best is asked when the chosen one is down', async () => {
  bed.provider.first(
    (request) => request.model === 'gpt-6-luna' && promptOf(request) === 'Are you there?',
    failWith(503, 'down'),
  );
  const route: Route = {
    strategy: 'goal',
    goal: 'cheapest',
    candidates: [STRONG, FAST],
    policies: { [FAST]: { candidates: [FAST], maxAttempts: 1, cache: false } },
    default: STRONG,
  };
  const { decided, answer } = await ask({ prompt: 'Are you there?', route });
  expect(decided).toMatchObject({
    choice: FAST,
    alternatives: [STRONG],
    reason: expect.stringContaining('The cheapest of 2'),
  });
  expect(answer.model).toBe(STRONG);
});

test('by goal, a model that fails too often lately is not chosen', async () => {
  const model = 'openai/gpt-5-nano';
  bed.provider.first((request) => request.model === 'gpt-5-nano', failWith(503, 'down'));
  const policy = { candidates: [model], maxAttempts: 1, cache: false as const };
  for (let n = 0; n < 5; n += 1) {
    await expect((await bed.client.start('ask', { prompt: `fail ${n}`, policy })).result()).rejects.toThrow();
  }
  const route: Route = {
    strategy: 'goal',
    goal: 'cheapest',
    candidates: [model, STRONG],
    constraints: { maxErrorRate: 0.2 },
    default: FAST,
  };
  const { decided } = await ask({ prompt: 'Who answers?', route });
  expect(decided).toMatchObject({
    choice: STRONG,
    rejected: [{ choice: model, reason: '100 % of its calls failed, above 20 %' }],
  });
});

const rules = [{ when: { code: true }, choose: 'strong' }];
const bad: [string, unknown, string, string][] = [
  ['a router with no default', { strategy: 'rules', rules }, 'input.route.default', 'A router needs a default'],
  ['a route that the config does not have', 'best', 'input.route', 'There is no route named "best". Known now: rules'],
  [
    'a choice that is no policy',
    { strategy: 'rules', rules: [{ when: { code: true }, choose: 'huge' }], default: 'fast' },
    'input.route.rules[0].choose',
    '"huge"',
  ],
  ['a default that is no policy', { strategy: 'rules', rules, default: 'huge' }, 'input.route.default', '"huge"'],
  [
    'a classifier that is not known',
    { ...ROUTES.classifier, model: 'openai/gpt-0' },
    'input.route.model',
    'No model named "gpt-0"',
  ],
  [
    'a rule without a condition',
    { strategy: 'rules', rules: [{ when: {}, choose: 'strong' }], default: 'fast' },
    'input.route.rules[0].when',
    'A rule needs a condition',
  ],
  [
    'a pattern that cannot be read',
    { strategy: 'rules', rules: [{ when: { matches: '(' }, choose: 'strong' }], default: 'fast' },
    'input.route.rules[0].when.matches',
    'Invalid regular expression',
  ],
  [
    'embeddings of a provider that makes none',
    { ...ROUTES.semantic, embeddings: 'anthropic/embed' },
    'input.route.embeddings',
    'anthropic makes no embeddings',
  ],
  [
    'a judge that is not known',
    { ...ROUTES.cascade, accept: { check: 'judge', policy: 'openai/gpt-0', minScore: 0.5 } },
    'input.route.accept.policy',
    'gpt-0',
  ],
];

test.each(bad)('%s is refused before anything starts', async (_, route, path, message) => {
  const asked = bed.provider.requests().length;
  await expect(bed.client.start('ask', { prompt: 'x', route } as AskInput)).rejects.toMatchObject({
    error: { type: 'InvalidRequest', path, message: expect.stringContaining(message) },
  });
  expect(bed.provider.requests()).toHaveLength(asked);
});

test('a policy and a route together are refused', async () => {
  await expect(bed.client.start('ask', { prompt: 'x', policy: 'fast', route: 'rules' })).rejects.toMatchObject({
    error: { path: 'input.route' },
  });
});
