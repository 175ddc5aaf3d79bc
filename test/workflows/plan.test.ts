import type { ChatCompletionRequest, FixtureResponse } from '@copilotkit/aimock';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { z } from 'zod';
import { inOrder, type PlanInput, planProblems } from '../../src/contract/index.ts';
import { defineTool } from '../../src/tools/index.ts';
import { mockProvider, promptOf, USAGE } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { until, untilEvent } from '../setup/until.ts';

const GPT = 'openai/gpt-6-sol';
const policy = { candidates: [GPT], maxAttempts: 1, cache: false as const };

type Steps = { id: string; what: string; tools: string[]; needs: string[] }[];
const step = (id: string, what: string, tools: string[] = [], needs: string[] = []) => ({ id, what, tools, needs });

/** What the planner says, the first time, the second, ..., by the first word of the goal. */
const PLANS: Record<string, Steps[]> = {
  cities: [
    [
      step('rome', 'USE meet {"city":"Rome"}', ['meet']),
      step('oslo', 'USE meet {"city":"Oslo"}', ['meet']),
      step('compare', 'compare them', [], ['rome', 'oslo']),
    ],
  ],
  detour: [
    [
      step('note', 'USE count {"what":"note"}', ['count']),
      step('print', 'USE broken {}', ['broken'], ['note']),
      step('post', 'USE count {"what":"post"}', ['count'], ['print']),
    ],
    [step('note', 'again', ['count']), step('print', 'USE count {"what":"copy"}', ['count'], ['note'])],
  ],
  hopeless: [[step('print', 'USE broken {}', ['broken'])]],
  clumsy: [[step('a', 'x', [], ['b']), step('b', 'x', [], ['a'])], [step('a', 'USE count {"what":"a"}', ['count'])]],
  circular: [[step('a', 'x', [], ['b']), step('b', 'x', [], ['a'])]],
  shown: [[step('a', 'USE count {"what":"a"}', ['count']), step('b', 'say it', [], ['a'])]],
  slow: [[step('a', 'USE count {"what":"a"}', ['count']), step('b', 'HANG', [], ['a'])]],
};

const counted: string[] = [];
let inside = 0;
const tools = [
  defineTool({
    name: 'meet',
    description: 'Is done once two are at it.',
    input: z.object({ city: z.string() }),
    replay: 'safe',
    run: async ({ city }) => {
      inside += 1;
      await until(() => (inside >= 2 ? true : undefined));
      return `sunny in ${city}`;
    },
  }),
  defineTool({
    name: 'count',
    description: 'Counts.',
    input: z.object({ what: z.string() }),
    replay: 'safe',
    run: ({ what }) => {
      counted.push(what);
      return `counted ${what}`;
    },
  }),
  defineTool({
    name: 'broken',
    description: 'Prints.',
    input: z.object({}),
    run: () => {
      throw new Error('the machine is out of paper');
    },
  }),
];

const planners = new Map<string, number>();

function reply(request: ChatCompletionRequest): FixtureResponse {
  const text = JSON.stringify(request.messages);
  const say = (said: object) => ({ content: JSON.stringify(said), usage: USAGE });
  if (text.includes('You plan how a goal is reached')) {
    const [, word = ''] = /Goal: (\w+)/.exec(text)!;
    const nth = planners.get(word) ?? 0;
    planners.set(word, nth + 1);
    return say({ steps: PLANS[word]![Math.min(nth, PLANS[word]!.length - 1)] });
  }
  if (text.includes('A plan for a goal was carried out'))
    return { content: `final of ${promptOf(request)}`, usage: USAGE };
  const results = request.messages.filter(({ role }) => role === 'tool').map(({ content }) => String(content));
  const [, tool, args] = /Your step: USE (\w+) (\{.*?\})/.exec(promptOf(request)) ?? [];
  if (tool && results.length === 0) return { toolCalls: [{ name: tool, arguments: args! }], usage: USAGE };
  const result = results.join() || `did: ${/Your step: ([^\n]*)/.exec(promptOf(request))?.[1]}`;
  return say({ result, done: !result.includes('out of paper') });
}

let bed: TestBed;
beforeAll(async () => {
  bed = await testBed({ provider: await mockProvider(reply), config: { tools } });
});
afterAll(() => bed.close());
beforeEach(() => {
  counted.length = 0;
  inside = 0;
  planners.clear();
});

const ALL = ['meet', 'count', 'broken'];

function start(input: Partial<PlanInput> & { goal: string }) {
  return bed.client.start('plan', { tools: ALL, policy, ...input });
}

function asked(text: string) {
  return bed.provider.requests().filter((one) => one.text.includes(text));
}

test('steps that need nothing of each other are done at once, and the others get what they need', async () => {
  const run = await start({ goal: 'cities: which is sunnier?' });
  const { plan, steps, replans, ended, final } = await run.result();
  expect({ ids: plan.steps.map(({ id }) => id).toSorted(), replans, ended }).toEqual({
    ids: ['compare', 'oslo', 'rome'],
    replans: 0,
    ended: 'done',
  });
  expect(steps.rome).toMatchObject({
    text: 'sunny in Rome',
    steps: 2,
    toolCalls: [{ tool: 'meet', step: 'rome/meet' }],
  });
  const [compare] = asked('Your step: compare them');
  expect(compare!.text).toMatch(/\[rome\] USE meet.*-> sunny in Rome.*\[oslo\] USE meet.*-> sunny in Oslo/s);
  expect(final.text).toContain('[compare] compare them\n-> did: compare them');
  // A step has its own tools alone.
  const [planner] = asked('cities: which is sunnier?').filter(({ text }) => text.includes('You plan how'));
  expect(planner!.text).toContain('"broken"');
  expect(compare!.text).not.toContain('"broken"');

  const events = await bed.eventsOf(run.id);
  const begun = events.flatMap((event) => (event.type === 'step.started' ? [event.step!] : []));
  expect([begun[0], begun.at(-1)]).toEqual(['plan', 'final']);
});

test('more steps than work at once: none that waits for a slow one keeps others from their place', async () => {
  bed.provider.first((request) => promptOf(request).includes('Your step: SLOW'), reply, { latency: 3_000 });
  const waiting = Array.from({ length: 9 }, (_, nth) => step(`w${nth}`, 'say it', [], ['slow', 'quick']));
  const steps = [step('slow', 'SLOW'), step('quick', 'say it'), ...waiting, step('free', 'say it', [], ['quick'])];
  const run = await start({ goal: 'many: say it', plan: { steps } });
  const result = await run.result();
  expect(Object.keys(result.steps)).toHaveLength(12);
  // In the order they were done.
  expect(result.plan.steps.slice(0, 3).map(({ id }) => id)).toEqual(['quick', 'free', 'slow']);
});

test('a step that fails is planned around, and what is done is not done again', async () => {
  const run = await start({ goal: 'detour: print and post' });
  const { plan, steps, replans, failures, ended } = await run.result();
  expect({ replans, ended }).toEqual({ replans: 1, ended: 'done' });
  expect(failures).toMatchObject([
    { step: 'print', error: { type: 'ToolFailed', message: expect.stringContaining('out of paper') } },
  ]);
  expect(plan.steps.map(({ id }) => id)).toEqual(['note', 'print']);
  expect(steps.print).toMatchObject({ text: 'counted copy' });
  expect(counted).toEqual(['note', 'copy']);

  const replan = asked('An earlier plan was begun').at(-1)!;
  expect(replan.text).toMatch(/Done, and not done again.*-> counted note.*Failed:.*\[print\].*out of paper/s);
  const events = await bed.eventsOf(run.id);
  expect(events.find((event) => event.type === 'step.failed')).toMatchObject({ step: 'print' });
  const begun = events.flatMap((event) => (event.type === 'step.started' ? [event.step!] : []));
  expect(begun.filter((name) => /^(plan|replan|print~2|final)$/.test(name))).toEqual([
    'plan',
    'replan',
    'print~2',
    'final',
  ]);
});

test('after so many new plans the run fails, and says where', async () => {
  const run = await start({ goal: 'hopeless: print', maxReplans: 1 });
  await expect(run.result()).rejects.toMatchObject({
    error: {
      type: 'ToolFailed',
      step: 'print',
      message: expect.stringMatching(/^The plan failed at "print" after 1 new plan: /),
    },
  });
  expect(planners.get('hopeless')).toBe(2);
});

test('a plan that cannot be carried out is told to the planner', async () => {
  const run = await start({ goal: 'clumsy: count' });
  expect((await run.result()).steps.a).toMatchObject({ text: 'counted a' });
  const repair = asked('clumsy: count').find(({ text }) => text.includes('That answer cannot be used'))!;
  expect(repair.text).toContain('The plan goes in a circle');
  const planning = (await bed.eventsOf(run.id)).filter(({ step }) => step === 'plan').map(({ type }) => type);
  const ends = planning.filter((type) => type === 'call.completed' || type === 'step.completed');
  expect(ends).toEqual(['call.completed', 'call.completed', 'step.completed']);

  const hopeless = await start({ goal: 'circular: count' });
  await expect(hopeless.result()).rejects.toMatchObject({ error: { type: 'InvalidOutput', step: 'plan' } });
  expect(asked('circular: count').filter(({ text }) => text.includes('You do one step'))).toEqual([]);
});

test('a person sees the plan and changes it; a change that cannot be carried out is asked for again', async () => {
  const run = await start({ goal: 'shown: count', approve: { approvers: ['ann'] } });
  const requested = await untilEvent(bed.client, run.id, 'approval.requested');
  expect(requested).toMatchObject({
    approval: 'approve',
    approvers: ['ann'],
    show: {
      goal: 'shown: count',
      steps: [
        { id: 'a', tools: ['count'] },
        { id: 'b', needs: ['a'] },
      ],
    },
  });
  expect(counted).toEqual([]);
  const circle = {
    steps: [
      { id: 'a', what: 'x', needs: ['b'] },
      { id: 'b', what: 'x', needs: ['a'] },
    ],
  };
  await bed.client.approve(run.id, 'approve', { approved: true, by: 'ann', arguments: circle });
  const again = await until(async () => (await bed.client.approvals(run.id))[0]);
  expect(again).toMatchObject({
    approval: 'approve#2',
    show: { problem: 'arguments.steps[0].needs: The plan goes in a circle: "a" needs "b" needs "a"' },
  });
  const changed = { steps: [{ id: 'z', what: 'USE count {"what":"z"}', tools: ['count'] }] };
  await bed.client.approve(run.id, 'approve#2', { approved: true, by: 'ann', arguments: changed });
  const { steps } = await run.result();
  expect(Object.keys(steps)).toEqual(['z']);
  expect(counted).toEqual(['z']);
});

test('a plan that is not approved is not begun', async () => {
  const run = await start({ goal: 'shown: never', approve: true });
  await untilEvent(bed.client, run.id, 'approval.requested');
  await bed.client.approve(run.id, 'approve', { approved: false, by: 'bob', comment: 'too dear' });
  await expect(run.result()).rejects.toMatchObject({
    error: { type: 'ToolDenied', message: 'The plan was not approved. bob said no: too dear' },
  });
  expect(counted).toEqual([]);
});

test('told to stop, it ends with what is done, and asks no model any more', async () => {
  bed.provider.first((request) => promptOf(request).includes('Your step: HANG'), reply, { latency: 60_000 });
  const run = await start({ goal: 'slow: count' });
  await until(() => (bed.provider.asked('Your step: HANG') > 0 ? true : undefined));
  await bed.client.stop(run.id);
  const { ended, steps, plan, final } = await run.result();
  expect({ ended, done: Object.keys(steps), plan: plan.steps.map(({ id }) => id) }).toEqual({
    ended: 'stopped',
    done: ['a'],
    plan: ['a', 'b'],
  });
  expect(final.text).toContain('-> counted a');
  const events = await Array.fromAsync(bed.client.events(run.id));
  expect(events.filter(({ type }) => type === 'step.failed')).toMatchObject([{ error: { type: 'Cancelled' } }]);
  expect(asked('slow: count').filter(({ text }) => text.includes('A plan for a goal was carried out'))).toEqual([]);
});

test('a tool that is not there ends the run before a model is asked', async () => {
  const run = await bed.client
    .start('plan', { goal: 'ghost: x', tools: ['meet', 'ghost'], policy })
    .catch((error) => error);
  const error = 'result' in run ? await run.result().catch((thrown: unknown) => thrown) : run;
  expect(error).toMatchObject({ error: { type: 'InvalidRequest', message: expect.stringContaining('"ghost"') } });
  expect(asked('ghost: x')).toEqual([]);
});

test.each([
  ['a tool that no pattern stands for', { tools: ['co*'] }, 'input.plan.steps[0].tools[0]'],
  [
    'guardrails, which agents do not run',
    { worker: { ...policy, guardrails: { before: [] } } },
    'input.policy.guardrails',
  ],
])('%s ends the run before a model is asked', async (what, changed, path) => {
  const steps = [{ id: 'a', what: 'x', tools: ['costs'] }];
  const plan = 'tools' in changed ? { plan: { steps } } : {};
  const run = await start({ goal: `early: ${what}`, ...plan, ...changed });
  await expect(run.result()).rejects.toMatchObject({ error: { type: 'InvalidRequest', path } });
  expect(asked(`early: ${what}`)).toEqual([]);
});

const bad: [string, object, string][] = [
  [
    'a plan that goes in a circle',
    {
      plan: {
        steps: [
          { id: 'a', what: 'x', needs: ['b'] },
          { id: 'b', what: 'x', needs: ['a'] },
        ],
      },
    },
    'input.plan.steps[0].needs',
  ],
  [
    'a step that needs itself',
    { plan: { steps: [{ id: 'a', what: 'x', needs: ['a'] }] } },
    'input.plan.steps[0].needs',
  ],
  [
    'a plan with an unknown tool',
    { plan: { steps: [{ id: 'a', what: 'x', tools: ['met'] }] } },
    'input.plan.steps[0].tools[0]',
  ],
  [
    'a plan that needs an unknown step',
    { plan: { steps: [{ id: 'a', what: 'x', needs: ['b'] }] } },
    'input.plan.steps[0].needs[0]',
  ],
  [
    'two steps of one id',
    {
      plan: {
        steps: [
          { id: 'a', what: 'x' },
          { id: 'a', what: 'y' },
        ],
      },
    },
    'input.plan.steps[1].id',
  ],
  ['a step called final', { plan: { steps: [{ id: 'final', what: 'x' }] } }, 'input.plan.steps[0].id'],
  ['an empty plan', { plan: { steps: [] } }, 'input.plan.steps'],
  ['a worker that is not known', { worker: 'openai/gpt-0' }, 'input.worker'],
];
test.each(bad)('%s is refused before anything starts', async (_, changed, path) => {
  const input = { goal: 'x', tools: ALL, policy, ...changed };
  await expect(bed.client.start('plan', input)).rejects.toMatchObject({ error: { type: 'InvalidRequest', path } });
});

test('steps come after those they need, also of steps that are done', () => {
  const steps = [step('c', 'x', [], ['b', 'done']), step('b', 'x', [], ['a']), step('a', 'x'), step('d', 'x')];
  expect(planProblems(steps, { tools: [], done: ['done'] })).toEqual([]);
  expect(inOrder(steps).map(({ id }) => id)).toEqual(['a', 'd', 'b', 'c']);
  const [problem] = planProblems([step('a', 'x', ['git__puhs'])], { tools: ['git__push', 'web_*'] });
  expect(problem).toEqual({
    path: [0, 'tools', 0],
    message: '"a" uses the tool "git__puhs", which is not there. Did you mean "git__push"?',
  });
  expect(planProblems([step('a', 'x', ['web_search'])], { tools: ['git__push', 'web_*'] })).toEqual([]);
});
