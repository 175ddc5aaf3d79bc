import type { ChatCompletionRequest } from '@copilotkit/aimock';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ChainDefinition } from '../../src/contract/index.ts';
import { fullHouse } from '../setup/full-house.ts';
import { echo, failWith, mockProvider, promptOf } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';

const gpt = 'openai/gpt-6-sol';
const claude = 'anthropic/claude-sonnet-5-5';
const policy = { candidates: [claude], cache: false as const };

let bed: TestBed;
/** every prompt the provider was given, in order */
const prompts: string[] = [];

beforeAll(async () => {
  const provider = await mockProvider((request) => {
    prompts.push(promptOf(request));
    return replyTo(request);
  });
  bed = await testBed({ provider, config: { prices: { [claude]: { inputPerMillion: 3, outputPerMillion: 15 } } } });
});
afterAll(() => bed.close());

function replyTo(request: ChatCompletionRequest) {
  const prompt = promptOf(request);
  if (prompt.startsWith('Outline')) return { content: JSON.stringify({ sections: ['source', 'bend', 'mouth'] }) };
  if (prompt.startsWith('Review'))
    return { content: JSON.stringify({ score: prompt.includes('round 2') ? 0.9 : 0.3 }) };
  if (prompt.startsWith('Write the intro')) return { content: `intro of round ${prompt.includes('0.3') ? 2 : 1}` };
  return echo(request);
}

/** Holds back the answers to prompts that begin so, until they are let go. */
function held(beginning: string) {
  const gate = Promise.withResolvers<void>();
  const first = Promise.withResolvers<void>();
  const hold = { asked: 0, first: first.promise, open: gate.resolve };
  bed.provider.first(
    (request) => promptOf(request).startsWith(beginning),
    async (request) => {
      hold.asked += 1;
      first.resolve();
      await gate.promise;
      return echo(request);
    },
  );
  return hold;
}

const object = (properties: object) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});

const article: ChainDefinition = {
  policy,
  input: { topic: 'rivers', tone: 'plain' },
  steps: [
    {
      id: 'outline',
      prompt: 'Outline {{input.topic}}',
      schema: object({ sections: { type: 'array', items: { type: 'string' } } }),
    },
    {
      repeat: { max: 3, until: { value: '{{steps.review.object.score}}', gte: 0.7 } },
      steps: [
        { id: 'intro', prompt: 'Write the intro ({{round}}). Last score: {{previous.review.object.score}}' },
        { id: 'review', prompt: 'Review: {{steps.intro.text}}', schema: object({ score: { type: 'number' } }) },
      ],
    },
    { id: 'section', prompt: '{{index}}: {{item}} of {{input.topic}}', forEach: '{{steps.outline.object.sections}}' },
    { id: 'plainer', prompt: 'Plainer: {{steps.intro.text}}', when: { value: '{{input.tone}}', equals: 'plain' } },
    { id: 'grander', prompt: 'Grander: {{steps.intro.text}}', when: { value: '{{input.tone}}', equals: 'grand' } },
    {
      parallel: [
        { id: 'title', prompt: 'Title for {{steps.plainer.text}}' },
        {
          id: 'teaser',
          prompt: 'Teaser with {{steps.section.items[1].text}}',
          policy: { ...policy, candidates: [gpt] },
        },
      ],
    },
    {
      id: 'slogans',
      pattern: 'compare',
      input: { prompt: 'Slogan for {{steps.title.text}}', models: [gpt, '{{steps.intro.model}}'], policy },
    },
    {
      id: 'glossary',
      pattern: 'chain',
      input: {
        policy,
        input: { words: '{{steps.outline.object.sections}}' },
        steps: [{ id: 'explain', prompt: 'Explain {{input.words}}' }],
      },
    },
    { id: 'whole', prompt: '{{steps.section.text}}|{{steps.grander.text}}|{{steps.glossary.result.output}}' },
    { id: 'check', prompt: 'Check {{steps.slogans.text}}', repeat: { max: 2 } },
  ],
  output: {
    title: '{{steps.title.text}}',
    sections: '{{steps.outline.object.sections}}',
    length: 'of {{steps.whole.text}}',
  },
};

test('twelve steps with a loop, a condition, a parallel group, items and sub-runs give what they must', async () => {
  prompts.length = 0;
  const run = await bed.client.start('chain', article, { tenant: 'acme' });
  const { steps, output } = await run.result();

  const sections = ['source', 'bend', 'mouth'].map((name, index) => `answer to: ${index}: ${name} of rivers`);
  const title = 'answer to: Title for answer to: Plainer: intro of round 2';
  const explained = 'answer to: Explain ["source","bend","mouth"]';
  const whole = `${sections.join('\n\n')}||${explained}`;
  expect(prompts.slice(0, 5)).toEqual([
    'Outline rivers',
    'Write the intro (1). Last score: ',
    'Review: intro of round 1',
    'Write the intro (2). Last score: 0.3',
    'Review: intro of round 2',
  ]);
  expect([...prompts.slice(5, 8)].sort()).toEqual(['0: source of rivers', '1: bend of rivers', '2: mouth of rivers']);
  expect(prompts[8]).toBe('Plainer: intro of round 2');
  expect(prompts.slice(9, 11).sort()).toEqual([
    `Teaser with ${sections[1]}`,
    'Title for answer to: Plainer: intro of round 2',
  ]);
  expect(prompts.slice(11, 13)).toEqual([`Slogan for ${title}`, `Slogan for ${title}`]);
  expect(prompts.slice(13, 15)).toEqual(['Explain ["source","bend","mouth"]', whole]);
  expect(prompts.slice(15)).toHaveLength(2);
  expect(output).toEqual({ title, sections: ['source', 'bend', 'mouth'], length: `of answer to: ${whole}` });

  expect(Object.keys(steps)).toEqual([
    ...['outline', 'intro', 'review', 'section', 'plainer', 'title', 'teaser', 'slogans', 'glossary', 'whole', 'check'],
  ]);
  expect(steps.teaser).toMatchObject({ model: gpt });
  expect(steps.section).toMatchObject({ items: sections.map((text) => ({ text, model: claude })) });
  expect(steps.check).toMatchObject({ rounds: 2 });
  expect(steps.slogans).toMatchObject({ run: `${run.id}/slogans`, pattern: 'compare', result: { answers: [{}, {}] } });
  expect(steps.glossary).toMatchObject({ run: `${run.id}/glossary`, text: explained });
});

test('events carry the ids of the steps, and a sub-run has its own', async () => {
  const run = await bed.client.start('chain', article, { tenant: 'acme' });
  await run.result();
  const events = await bed.eventsOf(run.id);

  const started = events.filter((event) => event.type === 'step.started').map((event) => event.step!);
  expect(started.filter((step) => !/^(section|title|teaser)/.test(step))).toEqual([
    ...[
      'outline',
      'intro',
      'review',
      'intro#2',
      'review#2',
      'plainer',
      'slogans',
      'glossary',
      'whole',
      'check',
      'check#2',
    ],
  ]);
  expect(started.filter((step) => step.startsWith('section')).sort()).toEqual([
    'section[0]',
    'section[1]',
    'section[2]',
  ]);
  expect(events.filter((event) => event.type === 'step.completed')).toHaveLength(started.length);
  expect(events.filter((event) => event.type === 'route.decided')).toMatchObject([
    { step: 'intro+review', choice: 'end after round 2', reason: 'steps.review.object.score >= 0.7' },
    { step: 'grander', choice: 'skip', reason: 'not so: input.tone is grand' },
  ]);
  expect(events.find((event) => event.type === 'step.started' && event.step === 'slogans')).toMatchObject({
    run: `${run.id}/slogans`,
  });

  const child = await bed.eventsOf(`${run.id}/slogans`);
  expect(child[0]).toMatchObject({ type: 'run.started', pattern: 'compare', tenant: 'acme' });
  expect(child.at(-1)?.type).toBe('run.completed');
  expect((await bed.client.bill(`${run.id}/slogans`)).calls).toHaveLength(2);
});

test('without an output, a chain gives what its last step gave', async () => {
  const last = async (steps: ChainDefinition['steps']) =>
    (await (await bed.client.start('chain', { policy, input: { list: ['x', 'y'] }, steps })).result()).output;
  const skipped = { id: 'skipped', prompt: 'never', when: { value: 1, equals: 2 } };

  expect(await last([{ id: 'a', prompt: 'Hello' }, skipped])).toBe('answer to: Hello');
  expect(await last([{ id: 'a', prompt: 'Outline it', schema: object({ sections: {} }) }])).toEqual({
    sections: ['source', 'bend', 'mouth'],
  });
  expect(await last([{ id: 'a', prompt: '{{item}}', forEach: '{{input.list}}' }])).toEqual([
    'answer to: x',
    'answer to: y',
  ]);
  expect(await last([{ parallel: [{ id: 'a', prompt: 'A' }, { id: 'b', prompt: 'B' }, skipped] }])).toEqual({
    a: 'answer to: A',
    b: 'answer to: B',
  });
  expect(await last([skipped])).toBeNull();
});

test('items are worked on as many at once as the step says', async () => {
  const house = fullHouse(2);
  bed.provider.first(
    (request) => promptOf(request).startsWith('slow'),
    async (request) => {
      await house.visit();
      return echo(request);
    },
  );
  const input = [1, 2, 3, 4, 5, 6];
  const step = { id: 'a', prompt: 'slow {{item}}', forEach: '{{input}}', concurrency: 2 };
  const { output } = await (await bed.client.start('chain', { policy, input, steps: [step] })).result();
  expect(output).toEqual(input.map((item) => `answer to: slow ${item}`));
  expect(house.most()).toBe(2);
});

test('a step that fails ends the chain, names itself, and stops what ran beside it', async () => {
  const endless = held('endless');
  bed.provider.first((request) => promptOf(request) === 'broken', failWith(400, 'no such thing'));
  const steps = [
    {
      parallel: [
        { id: 'slow', prompt: 'endless' },
        { id: 'bad', prompt: 'broken' },
      ],
    },
    { id: 'after', prompt: 'never asked' },
  ];
  const run = await bed.client.start('chain', { policy, steps });
  await expect(run.result()).rejects.toMatchObject({ error: { type: 'InvalidRequest', step: 'bad' } });
  endless.open();
  const { events } = await bed.temporal.workflow.getHandle(run.id).fetchHistory();
  expect(events!.filter((event) => event.activityTaskCanceledEventAttributes)).toHaveLength(1);
  expect(bed.provider.asked('never asked')).toBe(0);
});

test('what a model wrote is no placeholder of the crew that is given it', async () => {
  const code = 'function greet({name}) { return {tone} }';
  bed.provider.first(
    (request) => promptOf(request).startsWith('Draft a greeting'),
    () => ({ content: code }),
  );
  const description = 'Review this, {tone}, item {{index}} of {{item}}: {{steps.draft.text}}';
  const crew = {
    agents: { reviewer: { role: 'Reviewer', goal: 'Find mistakes' } },
    ...{ tasks: { t: { description } }, inputs: { tone: 'kindly' }, policy },
  };
  const run = await bed.client.start('chain', {
    policy,
    input: ['a'],
    steps: [
      { id: 'draft', prompt: 'Draft a greeting' },
      { id: 'review', pattern: 'crew', input: crew, forEach: '{{input}}' },
    ],
  });
  await run.result();
  expect(prompts.at(-1)).toContain(`Review this, kindly, item 0 of a: ${code}`);
});

test('a sub-run that fails is told by its step and its id', async () => {
  bed.provider.first((request) => promptOf(request) === 'broken below', failWith(400, 'no such thing'));
  const input = { list: ['fine', 'broken below'] };
  const step = { id: 'each', forEach: '{{input.list}}', pattern: 'ask', input: { prompt: '{{item}}', policy } };
  const run = await bed.client.start('chain', { input, steps: [step] });
  await expect(run.result()).rejects.toMatchObject({
    error: {
      type: 'InvalidRequest',
      step: 'each[1]',
      message: expect.stringContaining(`The run ${run.id}/each.1 of step "each[1]" failed.`),
    },
  });
});

test('what forEach finds is a list, or the chain says what it is', async () => {
  const steps = [
    { id: 'plan', prompt: 'Outline it', schema: { type: 'object' } },
    { id: 'each', prompt: '{{item}}', forEach: '{{steps.plan.object.sections[0]}}' },
  ];
  const run = await bed.client.start('chain', { policy, steps });
  await expect(run.result()).rejects.toMatchObject({
    error: {
      step: 'each',
      message: 'Step "each" goes over {{steps.plan.object.sections[0]}}, which is no list: source',
    },
  });
});

test('sub-runs at once spend the budget of their chain together', async () => {
  const half = held('Half');
  // Each could cost 0.015 USD and a little for its prompt.
  const input = { prompt: '{{item}}', policy: { ...policy, maxOutputTokens: 1_000 } };
  const step = { id: 'each', pattern: 'ask', forEach: '{{input}}', input };
  const run = await bed.client.start(
    'chain',
    { input: ['Half a', 'Half b', 'Half c', 'Half d'], steps: [step] },
    { budgetUsd: 0.025 },
  );
  await expect(run.result()).rejects.toMatchObject({ error: { type: 'BudgetExceeded' } });
  half.open();
  expect(half.asked).toBe(1);
});

test('cancelling a chain cancels its sub-runs', async () => {
  const below = held('Wait below');
  const steps = [{ id: 'below', pattern: 'ask', input: { prompt: 'Wait below', policy } }];
  const run = await bed.client.start('chain', { steps });
  await below.first;
  await bed.client.cancel(run.id);
  await expect(run.result()).rejects.toMatchObject({ code: 'RunCancelled' });
  below.open();
  expect(await bed.client.outcome(`${run.id}/below`)).toMatchObject({ status: 'cancelled' });
});

test.each([
  [
    'a step',
    {
      steps: [
        { id: 'a', prompt: 'x' },
        { id: 'b', prompt: 'y', policy: { candidates: ['openai/gpt-7'] } },
      ],
    },
    'input.steps[1].policy.candidates[0]',
  ],
  [
    'a group',
    { steps: [{ parallel: [{ id: 'a', prompt: 'x', policy: 'heroic' }] }] },
    'input.steps[0].parallel[0].policy',
  ],
  [
    'a sub-run',
    { steps: [{ id: 'a', pattern: 'compare', input: { prompt: 'x', models: [gpt, 'acme/one'] } }] },
    'input.steps[0].input.models[1]',
  ],
  ['the chain', { policy: 'heroic', steps: [{ id: 'a', prompt: 'x' }] }, 'input.policy'],
  ['a template', { steps: [{ id: 'a', prompt: '{{steps.b.text}}' }] }, 'input.steps[0].prompt'],
])('what is wrong in %s is refused before anything starts', async (name, definition, path) => {
  const id = `refused-${name.replaceAll(' ', '-')}-${bed.taskQueue}`;
  await expect(bed.client.startUnchecked('chain', definition, { id })).rejects.toMatchObject({
    code: 'InvalidRequest',
    error: { type: 'InvalidRequest', path },
  });
  await expect(bed.client.show(id)).rejects.toMatchObject({ code: 'NotFound' });
});
