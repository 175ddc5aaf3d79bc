import type { ChatCompletionRequest } from '@copilotkit/aimock';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import type { RunEvent } from '../../src/contract/index.ts';
import { defineTool } from '../../src/tools/index.ts';
import { historyBytes } from '../setup/history.ts';
import { mockProvider, promptOf, USAGE } from '../setup/mock-provider.ts';
import { type StepBed, stepBed } from '../setup/step-bed.ts';
import { untilEvent } from '../setup/until.ts';

const policy = 'openai/gpt-6-sol';
const agents = {
  researcher: { role: '{topic} researcher', goal: 'Find out about {topic}', backstory: 'You read everything.' },
  writer: { role: 'Writer', goal: 'Write well' },
};
const inputs = { topic: 'rivers' };
const research = { description: 'RESEARCH {topic}', expected_output: 'A list', agent: 'researcher' };

const call = (name: string, args: object) => ({ toolCalls: [{ name, arguments: JSON.stringify(args) }], usage: USAGE });
/** What tools gave; Gemini is told `{output}` or `{error}`. */
function resultsIn({ messages }: ChatCompletionRequest): string[] {
  return messages
    .filter(({ role }) => role === 'tool')
    .map(({ content }) => {
      const { output, error } = /^\{"(output|error)":/.test(String(content)) ? JSON.parse(String(content)) : {};
      return output ?? error ?? String(content);
    });
}

/** What each task says: its first word in capitals, and the words of what it was given. */
function reply(request: ChatCompletionRequest) {
  const prompt = promptOf(request);
  const again = /check: (bad \d)/.exec(prompt)?.[1];
  const name = again ?? /[A-Z]{4,}/.exec(prompt)?.[0].toLowerCase() ?? 'nothing';
  const given = [...prompt.matchAll(/<context[^>]*>\n([^<]*)\n<\/context>/g)].map((found) => found[1]);
  return { content: `${name}(${given.join(' ')})`, usage: USAGE };
}

let looked = 0;
const tools = [
  defineTool({
    name: 'look_up',
    description: 'Looks a word up.',
    input: z.object({ word: z.string() }),
    replay: 'safe',
    run: ({ word }) => {
      looked += 1;
      return `${word} is a word`;
    },
  }),
];

let bed: StepBed;
beforeAll(async () => {
  bed = await stepBed(await mockProvider(reply), { config: { tools } });
});
afterAll(() => bed.close());

function of<Type extends RunEvent['type']>(events: RunEvent[], type: Type): Extract<RunEvent, { type: Type }>[] {
  return events.filter((event): event is Extract<RunEvent, { type: Type }> => event.type === type);
}

async function untilStep(id: string, type: RunEvent['type'], step: string): Promise<void> {
  for await (const event of bed.client.events(id)) if (event.type === type && event.step === step) return;
}

/** The system text and the last user message of the requests that hold a word. */
function askedWith(word: string, after = 0): { system: string; prompt: string; tools: string[] }[] {
  return bed.provider
    .requests()
    .slice(after)
    .filter(({ text }) => text.includes(word))
    .map(({ text }) => {
      const { messages, tools: given = [] } = JSON.parse(text) as ChatCompletionRequest;
      const system = messages.filter(({ role }) => role === 'system' || (role as string) === 'developer');
      return {
        system: system.map(({ content }) => String(content)).join('\n'),
        prompt: promptOf({ messages } as ChatCompletionRequest),
        tools: given.map((tool) => tool.function.name),
      };
    });
}

test('tasks are done in order, by their agents, each given what those before it gave', async () => {
  const run = await bed.client.start('crew', {
    agents,
    tasks: {
      research,
      outline: { description: 'OUTLINE it', agent: 'writer', context: ['research'] },
      article: { description: 'WRITE it', expectedOutput: 'An article', agent: 'writer', markdown: true },
    },
    inputs,
    policy,
  });
  const result = await run.result();
  expect(Object.keys(result.tasks)).toEqual(['research', 'outline', 'article']);
  expect(result.tasks.article).toMatchObject({
    text: 'write(research() outline(research()))',
    agent: 'writer',
    steps: 1,
    usage: { inputTokens: 20, outputTokens: 10 },
    retries: 0,
    revisions: 0,
    stopReason: 'done',
  });
  expect(result.final).toMatchObject({ text: result.tasks.article!.text, model: policy, finishReason: 'stop' });
  const [first] = askedWith('RESEARCH rivers');
  expect(first!.system).toContain('You are rivers researcher. You read everything.');
  expect(first!.system).toContain('Your personal goal is: Find out about rivers');
  expect(askedWith('WRITE it')[0]!.prompt).toMatch(/what your final answer must be: An article[\s\S]*in Markdown/);

  const events = await bed.eventsOf(run.id);
  const begun = of(events, 'step.started').map(({ step, agent }) => [step, agent]);
  expect(begun).toEqual([
    ['research', 'researcher'],
    ['outline', 'writer'],
    ['article', 'writer'],
  ]);
  const history = await bed.temporal.workflow.getHandle(run.id).fetchHistory();
  expect(JSON.stringify(history)).toContain(Buffer.from(`"${policy} · research · researcher"`).toString('base64'));
});

test('async tasks run at once with what does not need them, and are waited for by what does', async () => {
  const slow = { description: 'SLOWLY look around', agent: 'researcher', async_execution: true };
  let finishSlow: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    finishSlow = resolve;
  });
  bed.provider.first(
    (request) => promptOf(request).startsWith('SLOWLY'),
    async (request) => {
      await held;
      return reply(request);
    },
  );
  const run = await bed.client.start('crew', {
    agents,
    tasks: [
      { name: 'slow', ...slow },
      { ...research, name: 'research', context: [] },
      { name: 'both', description: 'JOIN them', agent: 'writer', context: ['slow', 'research'] },
    ],
    inputs,
    policy,
  });
  expect(await untilEvent(bed.client, run.id, 'step.completed')).toMatchObject({ step: 'research' });
  finishSlow();
  expect((await run.result()).final.text).toBe('join(slowly() research())');
});

test('answers of 100 KB travel by reference: the history stays small', async () => {
  const long = 'words '.repeat(17_000);
  bed.provider.first(
    (request) => promptOf(request).startsWith('LONGER'),
    (request) => ({ content: `${long}${promptOf(request).length > long.length ? 'more' : ''}`, usage: USAGE }),
  );
  const names = ['one', 'two', 'three'];
  const tasks = names.map((name) => ({ name, description: `LONGER ${name}`, agent: 'writer' }));
  const run = await bed.client.start('crew', { agents, tasks, inputs, policy });
  const { final } = await run.result();
  expect(final.text).toHaveLength(long.length + 4);
  expect(await historyBytes(bed.temporal, run.id)).toBeLessThan(50_000);
});

test('a fork pays nothing for the tasks before, and asks the others anew', async () => {
  bed.provider.first(
    (request) => promptOf(request).startsWith('FORKED'),
    (request) => (resultsIn(request).length === 0 ? call('look_up', { word: 'ford' }) : reply(request)),
  );
  const before = looked;
  const again = { description: 'FORKED {topic}', agent: 'researcher', tools: ['look_up'] };
  const tasks = { again, end: { description: 'ENDING it', agent: 'writer' } };
  const run = await bed.client.start('crew', { agents, tasks, inputs, policy });
  await run.result();
  const fork = await bed.client.fork(run.id, { fromStep: 'end', overrides: { policy: 'openai/gpt-6.1-terra' } });
  expect(await bed.client.result(fork.id)).toMatchObject({
    tasks: { again: { model: policy, costUsd: 0 }, end: { model: 'openai/gpt-6.1-terra', text: 'ending(forked())' } },
  });
  expect([askedWith('FORKED rivers').length, bed.provider.asked('ENDING it')]).toEqual([2, 2]);
  expect(looked - before).toBe(1);
});

test('as a step of a workflow of its own, its steps begin with its name', async () => {
  const id = 'crew-in-a-workflow';
  const tasks = {
    part: { description: 'PART of it', agent: 'writer' },
    rest: { description: 'REST of it', agent: 'writer' },
  };
  expect(await bed.step('crew', { step: 'report', agents, tasks, inputs, policy }, id)).toMatchObject({
    tasks: { part: { text: 'part()' } },
    final: { text: 'rest(part())' },
  });
  const steps = of(await bed.eventsOf(id), 'step.started').map(({ step }) => step);
  expect(steps).toEqual(['report/part', 'report/rest']);
});

describe('an answer that its guardrail does not accept', () => {
  const guarded = (word: string, more: object) => ({
    agents,
    tasks: { poem: { description: `${word} a poem`, agent: 'writer', guardrail: `no ${word}`, ...more } },
    inputs,
    policy,
  });
  const verdicts = (word: string, allowed: (nth: number) => boolean) => {
    let nth = 0;
    bed.provider.first(
      (request) => promptOf(request).includes(`Rule: no ${word}`),
      () => {
        nth += 1;
        const said = allowed(nth) ? { allowed: true, reason: 'fine' } : { allowed: false, reason: `bad ${nth}` };
        return { content: JSON.stringify(said), usage: USAGE };
      },
    );
  };

  test('is asked for again, with what is wrong, and all of it is counted', async () => {
    verdicts('TWICE', (nth) => nth === 3);
    const run = await bed.client.start('crew', guarded('TWICE', {}));
    const { tasks } = await run.result();
    expect(tasks.poem).toMatchObject({ retries: 2, steps: 6, usage: { inputTokens: 120, outputTokens: 60 } });
    const events = await bed.eventsOf(run.id);
    expect(of(events, 'guardrail').map(({ outcome, reason }) => [outcome, reason])).toEqual([
      ['failed', 'bad 1'],
      ['failed', 'bad 2'],
      ['passed', 'fine'],
    ]);
    expect(of(events, 'step.started').map(({ step }) => step)).toEqual(
      expect.arrayContaining(['poem', 'poem/guardrail', 'poem/retry-1', 'poem/guardrail#2', 'poem/retry-2']),
    );
    expect(askedWith('did not pass a check: bad 2')[0]!.prompt).toContain('Give your whole answer again');
  });

  test('fails the crew after so many retries', async () => {
    verdicts('NEVER', () => false);
    const run = await bed.client.start('crew', guarded('NEVER', { guardrail_max_retries: 1 }));
    await expect(run.result()).rejects.toMatchObject({
      error: { type: 'Refused', step: 'poem', message: expect.stringMatching(/after 1 retry: bad 2/) },
    });
  });

  test('may be checked without a model', async () => {
    const run = await bed.client.start('crew', {
      ...guarded('LONG', { guardrail: undefined, guardrails: [{ check: 'length', minCharacters: 900 }] }),
      ...{ policy: { candidates: [policy], maxAttempts: 1 } },
    });
    await expect(run.result()).rejects.toMatchObject({
      error: { type: 'Refused', message: expect.stringMatching(/after 3 retries/) },
    });
  });
});

test('an answer with a schema is an object', async () => {
  bed.provider.first(
    (request) => promptOf(request).startsWith('COUNT'),
    () => ({ content: '{"rivers": 3}', usage: USAGE }),
  );
  const schema = { type: 'object', properties: { rivers: { type: 'number' } }, required: ['rivers'] };
  const run = await bed.client.start('crew', {
    agents,
    tasks: [{ name: 'count', description: 'COUNT the rivers', agent: 'writer', schema }],
    inputs,
    policy,
  });
  expect(await run.result()).toMatchObject({
    tasks: { count: { object: { rivers: 3 } } },
    final: { object: { rivers: 3 } },
  });
});

test('a person says what to change, and then approves', async () => {
  const run = await bed.client.start('crew', {
    agents,
    tasks: [{ name: 'letter', description: 'LETTER to a friend', agent: 'writer', human_input: true }],
    inputs,
    policy,
  });
  const asked = await untilEvent(bed.client, run.id, 'approval.requested');
  expect(asked).toMatchObject({
    approval: 'letter/review',
    show: { task: 'letter', agent: 'writer', answer: 'letter()' },
  });
  await bed.client.approve(run.id, 'letter/review', { approved: false, comment: 'SHORTER please', by: 'ann' });
  await untilStep(run.id, 'approval.requested', 'letter/review#2');
  await bed.client.approve(run.id, 'letter/review#2', { approved: true, by: 'ann' });
  expect((await run.result()).tasks.letter).toMatchObject({ text: 'shorter()', revisions: 1, retries: 0 });
});

test.each([policy, 'anthropic/claude-sonnet-5-5', 'gemini/gemini-3-flash-preview'])(
  'a manager delegates, asks, and answers with what came back; coworkers have their own tools: %s',
  async (model) => {
    const before = looked;
    const asked = bed.provider.requests().length;
    bed.provider.first(
      (request) => promptOf(request).includes('MANAGE'),
      (request) => {
        const results = resultsIn(request);
        if (results.length === 0)
          return call('delegate_work', {
            coworker: 'Rivers Researcher',
            task: 'DIGGING up facts',
            context: 'about it',
          });
        if (results.length === 1) return call('ask_coworker', { coworker: 'nobody', question: 'Who?' });
        if (results.length === 2) return call('ask_coworker', { coworker: 'writer', question: 'WHICH words?' });
        return { content: `reviewed: ${results.join(' | ')}`, usage: USAGE };
      },
    );
    bed.provider.first(
      (request) => promptOf(request).startsWith('DIGGING'),
      (request) =>
        resultsIn(request).length === 0 ? call('look_up', { word: 'ox' }) : { content: resultsIn(request)[0]! },
    );
    const run = await bed.client.start('crew', {
      agents: { ...agents, researcher: { ...agents.researcher, tools: ['look_up'] } },
      tasks: { report: { description: 'MANAGE a report' } },
      process: 'hierarchical',
      inputs,
      policy: model,
    });
    const { tasks, final } = await run.result();
    expect(final.text).toContain('reviewed: ox is a word | ');
    expect(final.text).toContain('There is no coworker "nobody"');
    expect(final.text).toMatch(/\| which\(\)$/);
    expect(tasks.report).toMatchObject({
      agent: 'manager',
      steps: 7,
      delegations: [
        { to: 'researcher', tool: 'delegate_work', step: 'report/researcher' },
        { to: 'writer', tool: 'ask_coworker', step: 'report/writer' },
      ],
    });
    expect(looked - before).toBe(1);
    expect(askedWith('DIGGING', asked)[0]).toMatchObject({
      tools: ['look_up'],
      system: expect.stringContaining('You are rivers researcher'),
      prompt: expect.stringContaining('<context>\nabout it\n</context>'),
    });
    const [manager] = askedWith('MANAGE', asked);
    expect(manager!.tools).toEqual(['delegate_work', 'ask_coworker']);
    expect(manager!.system).toContain('You are Crew Manager');
    const events = await bed.eventsOf(run.id);
    expect(of(events, 'tool.started').map(({ tool, agent, by }) => [tool, agent, by])).toEqual([
      ['delegate_work', 'manager', 'workflow'],
      ['look_up', 'researcher', undefined],
      ['ask_coworker', 'manager', 'workflow'],
      ['ask_coworker', 'manager', 'workflow'],
    ]);
  },
);

test('delegating ends: there are only so many uses in a task', async () => {
  bed.provider.first(
    (request) => promptOf(request).includes('ENDLESS'),
    (request) => {
      const results = resultsIn(request);
      const last = results.at(-1) ?? '';
      if (last.includes('the most for one task')) return { content: `gave up after ${results.length}`, usage: USAGE };
      return call('delegate_work', { coworker: 'writer', task: `SMALL piece ${results.length}` });
    },
  );
  const run = await bed.client.start('crew', {
    agents: { boss: { role: 'Boss', goal: 'Finish', allow_delegation: true }, writer: agents.writer },
    tasks: [{ name: 'work', description: 'ENDLESS work', agent: 'boss' }],
    maxDelegations: 2,
    policy,
  });
  const { tasks } = await run.result();
  expect(tasks.work!.text).toBe('gave up after 3');
  expect(tasks.work!.delegations.map(({ step }) => step)).toEqual(['work/writer', 'work/writer-2']);
});

test('a task that fails ends the crew, and what runs beside it is cancelled', async () => {
  bed.provider.first(
    (request) => promptOf(request).startsWith('BROKEN'),
    () => ({ status: 400, error: { message: 'no', type: 'invalid_request_error' } }),
  );
  bed.provider.first(
    (request) => promptOf(request).startsWith('ENDURING'),
    () => new Promise(() => {}),
  );
  const run = await bed.client.start('crew', {
    agents,
    tasks: [
      { name: 'enduring', description: 'ENDURING work', agent: 'writer', async: true },
      { name: 'broken', description: 'BROKEN work', agent: 'writer', context: [] },
      { name: 'never', description: 'UNASKED work', agent: 'writer' },
    ],
    inputs,
    policy,
  });
  await expect(run.result()).rejects.toMatchObject({ error: { type: 'InvalidRequest', step: 'broken' } });
  expect(askedWith('UNASKED')).toEqual([]);
});

test('told to stop, it ends with what it has', async () => {
  bed.provider.first(
    (request) => promptOf(request).startsWith('STAYING'),
    () => new Promise(() => {}),
  );
  const run = await bed.client.start('crew', {
    agents,
    tasks: {
      research,
      stay: { description: 'STAYING', agent: 'writer' },
      after: { description: 'AFTER', agent: 'writer' },
    },
    inputs,
    policy,
  });
  await untilStep(run.id, 'call.started', 'stay');
  await bed.client.stop(run.id);
  expect(await run.result()).toMatchObject({
    stopped: true,
    tasks: { research: { stopReason: 'done' }, stay: { stopReason: 'stopped' } },
    final: { text: 'research()' },
  });
  const ends = of(await bed.eventsOf(run.id), 'step.failed').map(({ step }) => step);
  expect(ends).toEqual(['stay']);
});

const task = { description: 'x', agent: 'writer' };
const bad: [what: string, changed: object, path: string, message: RegExp][] = [
  [
    'a task for an absent agent',
    { tasks: { a: { ...task, agent: 'writter' } } },
    'input.tasks.a.agent',
    /Did you mean "writer"/,
  ],
  ['a task without an agent', { tasks: [{ name: 'a', description: 'x' }] }, 'input.tasks[0].agent', /names no agent/],
  [
    'tasks that wait for each other',
    { tasks: { a: { ...task, context: ['b'] }, b: { ...task, context: ['a'] } } },
    'input.tasks.a.context[0]',
    /wait for each other: a needs b needs a/,
  ],
  ['a task that needs itself', { tasks: { a: { ...task, context: ['a'] } } }, 'input.tasks.a.context[0]', /a needs a/],
  [
    'context from later',
    { tasks: { a: { ...task, context: ['b'] }, b: task } },
    'input.tasks.a.context[0]',
    /comes after/,
  ],
  ['context from nowhere', { tasks: { a: { ...task, context: ['c'] } } }, 'input.tasks.a.context[0]', /no task "c"/],
  [
    'two tasks of one name',
    {
      tasks: [
        { ...task, name: 'a' },
        { ...task, name: 'a' },
      ],
    },
    'input.tasks[1].name',
    /another task/,
  ],
  ['a placeholder without a value', { inputs: {} }, 'input.inputs.topic', /\{topic\} in agents\.researcher\.role/],
  ['a field there is not', { tasks: { a: { ...task, descripton: 'y' } } }, 'input.tasks.a.descripton', /no such field/],
  [
    'one field in two spellings',
    { tasks: { a: { ...task, async: true, async_execution: true } } },
    'input.tasks.a.async_execution',
    /either/,
  ],
  ['no tasks', { tasks: {} }, 'input.tasks', /at least one task/],
  [
    'a tool there is not',
    { agents: { ...agents, writer: { ...agents.writer, tools: ['look_upp'] } } },
    'input.agents.writer.tools[0]',
    /Did you mean "look_up"/,
  ],
  [
    'a model there is not',
    { agents: { ...agents, writer: { ...agents.writer, llm: 'openai/gpt-0' } } },
    'input.agents.writer.llm',
    /gpt-0/,
  ],
  [
    'a schema that is none',
    { tasks: { a: { ...task, schema: { type: 'rubbish' } } } },
    'input.tasks.a.schema',
    /schema/,
  ],
];
test.each(bad)('%s is refused before anything starts', async (_, changed, path, message) => {
  const asked = bed.provider.requests().length;
  const input = { agents, tasks: { a: task }, inputs, policy, ...changed };
  await expect(bed.client.startUnchecked('crew', input)).rejects.toMatchObject({
    error: { type: 'InvalidRequest', path, message: expect.stringMatching(message) },
  });
  expect(bed.provider.requests()).toHaveLength(asked);
});

test('a tool that only the worker can look for fails the run before a model is asked', async () => {
  const asked = bed.provider.requests().length;
  const { client, temporal, taskQueue } = bed;
  const input = { agents, inputs, policy, tasks: { a: { ...task, tools: ['look_up', 'nowhere__at_all'] } } };
  const { workflowId } = await temporal.workflow.start('crew', {
    workflowId: 'crew-without-tool',
    taskQueue,
    args: [input],
  });
  await expect(client.result(workflowId)).rejects.toMatchObject({
    error: { type: 'InvalidRequest', path: 'input.tasks.a.tools', message: expect.stringMatching(/nowhere__at_all/) },
  });
  expect(bed.provider.requests()).toHaveLength(asked);
});
