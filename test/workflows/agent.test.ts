import type { ChatCompletionRequest, FixtureResponse } from '@copilotkit/aimock';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { tool } from 'ai';
import pg from 'pg';
import { z } from 'zod';
import { type AgentInput, type RunEvent, STEER_AGENT } from '../../src/contract/index.ts';
import { defineTool, ToolFailure } from '../../src/tools/index.ts';
import { heartbeatSeconds } from '../setup/history.ts';
import { mockProvider, promptOf, USAGE } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { until } from '../setup/until.ts';

type Call = [name: string, args: Record<string, unknown>];

/** What the model says, by how many results of tools it has seen: tool calls first, then words. */
function script(turns: Call[][]): (request: ChatCompletionRequest) => FixtureResponse {
  return (request) => {
    const results = resultsIn(request);
    let seen = 0;
    for (const calls of turns) {
      if (results.length === seen) {
        const toolCalls = calls.map(([name, args]) => ({ name, arguments: JSON.stringify(args) }));
        return { toolCalls, usage: USAGE };
      }
      seen += calls.length;
    }
    return { content: `done: ${results.join(' | ')}`, usage: USAGE };
  };
}

/** Gemini wraps results. */
function resultsIn(request: ChatCompletionRequest): string[] {
  return request.messages
    .filter(({ role }) => role === 'tool')
    .map(({ content }) => String(content).replace(/^\{"(?:output|error)":"(.*)"\}$/, '$1'));
}

const SCRIPTS: Record<string, Call[][]> = {
  cities: [
    [
      ['weather', { city: 'Rome' }],
      ['weather', { city: 'Oslo' }],
    ],
    [['weather', { city: 'Bern' }]],
  ],
  hotel: [[['book', { city: 'Rome', nights: 2 }]]],
  'two rooms': [[['reserve', { city: 'Rome' }]], [['reserve', { city: 'Oslo' }]]],
  broken: [[['broken', {}]]],
  'no such tool': [[['wether', { city: 'Rome' }]]],
  'wrong arguments': [[['weather', { town: 'Rome' }]]],
  long: [[['long', {}]]],
  seats: [[['seats', { row: 7 }]]],
  'first row': [[['seats', { row: 7 }]], [['book', { city: 'Rome', nights: 2 }]]],
  person: [[['ask', { question: 'Window or aisle?' }]]],
  rainy: [[['rain', { city: 'Rome' }]]],
  'for ever': Array.from({ length: 40 }, (_, n) => [['weather', { city: `city ${n}` }]] as Call[]),
  flaky: [[['flaky', {}]]],
  specialist: [[['hand_over_to_specialist', { reason: 'it is about the weather' }]], [['weather', { city: 'Rome' }]]],
  'skill please': [
    [['skill__packing', {}]],
    [['skill__packing', { file: 'list.txt' }]],
    [['skill__packing', { file: '../../package.json' }]],
  ],
};

const done: unknown[] = [];
let flaky = 0;
/** As a config has it that imports another copy of Cadenza than the one that runs. */
const elsewhere: typeof import('../../src/tools/tool.ts') = await import(
  new URL('../../src/tools/tool.ts?elsewhere', import.meta.url).href
);
const city = z.object({ city: z.string() });
const tools = [
  defineTool({
    name: 'weather',
    description: 'The weather of a city.',
    input: city,
    replay: 'safe',
    run: (args) => {
      done.push(args.city);
      return `sunny in ${args.city}`;
    },
  }),
  defineTool({
    name: 'book',
    description: 'Books a hotel.',
    input: z.object({ city: z.string(), nights: z.number().int().positive() }),
    approval: 'always',
    approvers: ['ann', 'key:0123456789ab'],
    run: (args) => ({ booked: args.city, nights: args.nights }),
  }),
  defineTool({
    name: 'reserve',
    description: 'Reserves.',
    input: city,
    approval: 'once',
    run: (args) => `reserved ${args.city}`,
  }),
  defineTool({
    name: 'broken',
    description: 'Fails.',
    input: z.object({}),
    run: () => {
      throw new Error('the machine is out of paper');
    },
  }),
  defineTool({
    name: 'flaky',
    description: 'Fails twice.',
    input: z.object({}),
    replay: 'safe',
    run: () => {
      flaky += 1;
      const Failure = [ToolFailure, elsewhere.ToolFailure][flaky - 1];
      if (Failure) throw new Failure({ type: 'Unavailable', message: 'not now' }, { retryable: true });
      return 'at last';
    },
  }),
  defineTool({
    name: 'long',
    description: 'A long text.',
    input: z.object({}),
    replay: 'safe',
    run: () => 'word '.repeat(10_000),
  }),
  defineTool({
    name: 'seats',
    description: 'Free seats, which the browser knows.',
    input: z.object({ row: z.number() }),
  }),
  {
    ...defineTool({ name: 'ask', description: 'Asks a person.', input: z.object({ question: z.string() }) }),
    asksPerson: true,
  },
];

const rain = tool({
  description: 'Whether it rains, by the AI SDK.',
  inputSchema: city,
  execute: async (args) => ({ rain: false, city: args.city }),
});

let bed: TestBed;
beforeAll(async () => {
  const provider = await mockProvider((request) => {
    const prompt = firstPrompt(request);
    const [, turns] = Object.entries(SCRIPTS).find(([name]) => prompt.includes(name)) ?? [];
    return turns ? script(turns)(request) : { content: `answer to: ${promptOf(request)}`, usage: USAGE };
  });
  const byName = Object.fromEntries(tools.map((one) => [one.name, one]));
  const folder = new URL('skills', import.meta.url).pathname;
  bed = await testBed({ provider, config: { tools: { ...byName, rain }, skills: [folder] } });
});
afterAll(() => bed.close());

function firstPrompt({ messages }: ChatCompletionRequest): string {
  return JSON.stringify(messages.find(({ role }) => role === 'user')?.content ?? '');
}

const policy = { candidates: ['openai/gpt-6-sol'], maxAttempts: 1 };
const start = (task: string, more: Partial<AgentInput> = {}) => bed.client.start('agent', { task, policy, ...more });

function told<Type extends RunEvent['type']>(events: RunEvent[], type: Type): Extract<RunEvent, { type: Type }>[] {
  return events.filter((event): event is Extract<RunEvent, { type: Type }> => event.type === type);
}

const MODELS = ['openai/gpt-6-sol', 'anthropic/claude-sonnet-5-5', 'gemini/gemini-3.8-flash'];
describe.each(MODELS)('an agent on %s', (model) => {
  test('uses tools at once, turn by turn, and answers', async () => {
    done.length = 0;
    const run = await start('cities', { tools: ['weather'], policy: model });
    const result = await run.result();
    expect(result).toMatchObject({
      text: 'done: sunny in Rome | sunny in Oslo | sunny in Bern',
      steps: 3,
      stopReason: 'done',
      usage: { inputTokens: 60, outputTokens: 30 },
    });
    expect(result.toolCalls.map(({ tool: name, step }) => [name, step])).toEqual([
      ['weather', 'agent/weather'],
      ['weather', 'agent/weather#2'],
      ['weather', 'agent/weather#3'],
    ]);
    expect(done.slice(0, 2).sort()).toEqual(['Oslo', 'Rome']);
    expect(done).toHaveLength(3);
    const events = await bed.eventsOf(run.id);
    expect(told(events, 'tool.started').map(({ arguments: args }) => args.city)).toHaveLength(3);
    expect(
      told(events, 'tool.completed')
        .map(({ result: text }) => text)
        .sort(),
    ).toEqual(['sunny in Bern', 'sunny in Oslo', 'sunny in Rome']);
    expect(told(events, 'call.toolcall').filter((event) => event.arguments)).toHaveLength(3);
  });
});

test('a worker that dies is missed within seconds, whatever of an agent it was at', async () => {
  const run = await start('cities', { tools: ['weather'] });
  await run.result();
  const heartbeats = await heartbeatSeconds(bed.temporal, run.id);
  expect(new Set(heartbeats.map(([activity]) => activity))).toEqual(new Set(['openTools', 'callModel', 'callTool']));
  expect(heartbeats.filter(([, seconds]) => seconds === 0 || seconds > 10)).toEqual([]);
});

test.each([
  ['an error', 'broken', ['broken'], 'ToolFailed: the machine is out of paper'],
  ['a tool that is not there', 'no such tool', ['weather'], 'Did you mean \\"weather\\"'],
  ['arguments that do not fit', 'wrong arguments', ['weather'], 'InvalidRequest: The arguments do not fit'],
])('%s goes back to the model as a result', async (_, task, names, said) => {
  const result = await (await start(task, { tools: names })).result();
  expect(JSON.stringify(result.text)).toContain(said);
  expect(result.toolCalls[0]!.error).toBeDefined();
});

test('a safe tool that fails for a moment is tried again, and the model hears only of the result', async () => {
  flaky = 0;
  expect((await (await start('flaky', { tools: ['flaky'] })).result()).text).toBe('done: at last');
  expect(flaky).toBe(3);
});

test('a tool of the AI SDK is used as it is', async () => {
  const { text } = await (await start('rainy', { tools: ['rain'] })).result();
  expect(text.replace(/\s+/g, '')).toContain('"rain":false');
});

test('a long result becomes a file of the run, and the model gets its beginning', async () => {
  const { text } = await (await start('long', { tools: ['long'] })).result();
  expect(text.length).toBeLessThan(6_000);
  expect(text).toContain('of 50000 characters');
});

test('a person approves a call with other arguments; who may not is refused, and that is recorded', async () => {
  const run = await start('hotel', { tools: ['book'] });
  const approval = await until(async () => (await bed.client.approvals(run.id))[0]);
  expect(approval.show).toMatchObject({ tool: 'book', arguments: { city: 'Rome', nights: 2 }, agent: 'agent' });
  const yes = { approved: true, by: 'ann' };
  const other = bed.client.as({ role: 'approver' });
  for (const by of ['bob', 'key:0123456789ab'])
    await expect(other.approve(run.id, approval.approval, { approved: true, by })).rejects.toThrow('none of them');
  // Whoever is known by a key is taken for nobody else.
  await expect(bed.client.approve(run.id, approval.approval, yes, ['key:ffffffffffff'])).rejects.toThrow(
    'none of them',
  );
  const decision = { approved: true, arguments: { city: 'Rome', nights: 3 } };
  await bed.client.approve(run.id, approval.approval, decision, ['key:0123456789ab']);
  expect((await run.result()).text.replace(/\s+/g, '')).toBe('done:{"booked":"Rome","nights":3}');
  const events = await bed.eventsOf(run.id);
  expect(told(events, 'approval.refused').map(({ by }) => by)).toEqual(['bob', 'key:0123456789ab', 'ann']);
  expect(told(events, 'approval.resolved')[0]).toMatchObject({ arguments: { nights: 3 } });
});

test('a call that is not allowed is not made, and the model is told why', async () => {
  const run = await start('hotel', { tools: ['book'] });
  const { approval } = await until(async () => (await bed.client.approvals(run.id))[0]);
  await bed.client.approve(run.id, approval, { approved: false, by: 'ann', comment: 'too dear' });
  expect((await run.result()).text).toBe('done: ToolDenied: book was not allowed. ann said no: too dear');
});

test('a tool that is approved once is not asked for again', async () => {
  const run = await start('two rooms', { tools: ['reserve'] });
  const { approval } = await until(async () => (await bed.client.approvals(run.id))[0]);
  await bed.client.approve(run.id, approval, { approved: true });
  expect((await run.result()).text).toBe('done: reserved Rome | reserved Oslo');
});

test('a tool without run is the client’s: the run waits for its result', async () => {
  const run = await start('seats', { tools: ['seats'] });
  const call = await until(async () => {
    for await (const event of run.events()) if (event.type === 'tool.started') return event;
    return undefined;
  });
  expect(call).toMatchObject({ tool: 'seats', by: 'client', arguments: { row: 7 } });
  await expect(bed.client.toolResult(run.id, 'other', { result: 1 })).rejects.toThrow('waits for no result');
  expect(await bed.client.toolResult(run.id, call.id!, { result: 'A and B' })).toEqual({ id: run.id, taken: true });
  expect((await run.result()).text).toBe('done: A and B');
});

test('the result of a client’s tool is given once', async () => {
  const run = await start('first row', { tools: ['seats', 'book'] });
  const call = await until(async () => {
    for await (const event of run.events()) if (event.type === 'tool.started') return event;
    return undefined;
  });
  await bed.client.toolResult(run.id, call.id!, { result: 'A and B' });
  const again = () => bed.client.toolResult(run.id, call.id!, { result: 'C' });
  await expect(again()).rejects.toMatchObject({ code: 'Conflict', error: { path: 'toolCall' } });
  const { approval } = await until(async () => (await bed.client.approvals(run.id))[0]);
  await expect(again()).rejects.toMatchObject({ code: 'Conflict', error: { path: 'toolCall' } });
  await bed.client.approve(run.id, approval, { approved: true, by: 'ann' });
  expect((await run.result()).text).toContain('done: A and B');
});

test('a person is asked a question, and the model gets the answer', async () => {
  const run = await start('person', { tools: ['ask'] });
  const { approval, show } = await until(async () => (await bed.client.approvals(run.id))[0]);
  expect(show).toMatchObject({ question: 'Window or aisle?' });
  await bed.client.approve(run.id, approval, { approved: true, by: 'ann', comment: 'aisle' });
  expect((await run.result()).text).toBe('done: ann says: aisle');
});

test('an agent that may not go on answers with what it has', async () => {
  const result = await (await start('for ever', { tools: ['weather'], maxSteps: 3 })).result();
  expect(result).toMatchObject({ steps: 3, stopReason: 'maxSteps' });
  expect(result.toolCalls).toHaveLength(2);
  expect(bed.provider.asked('You have no more steps')).toBe(1);
});

test('an agent stops after a tool it is told to stop on', async () => {
  const result = await (await start('for ever', { tools: ['weather'], stopOn: ['weather'] })).result();
  expect(result).toMatchObject({ steps: 1, stopReason: 'stopOn' });
});

test('it hands over to another agent, which goes on with its own instructions and tools', async () => {
  const result = await (
    await start('specialist', {
      system: 'You are the desk.',
      handoffs: ['specialist'],
      agents: {
        specialist: { description: 'Knows the weather.', system: 'You are the specialist.', tools: ['weather'] },
      },
    })
  ).result();
  expect(result).toMatchObject({ agent: 'specialist', steps: 3 });
  expect(result.text).toContain('sunny in Rome');
  expect(bed.provider.asked('You are the specialist.')).toBe(2);
});

test('a skill is known by its description, loaded when the model asks, and shows no file of others', async () => {
  const { text } = await (await start('skill please', { skills: ['packing'] })).result();
  expect(text).toContain('Pack shoes first.');
  expect(text).toContain('socks, a hat, a map');
  expect(text).toContain('ToolDenied: The skill has no file');
  expect(bed.provider.asked('What to pack for a journey')).toBeGreaterThan(0);
});

test('a message sent while it works is read at its next turn', async () => {
  const seen: string[] = [];
  bed.provider.first(
    (request) => firstPrompt(request).includes('steered'),
    (request) => {
      seen.push(promptOf(request));
      return script([[['seats', { row: 1 }]]])(request);
    },
  );
  const run = await start('steered', { tools: ['seats'] });
  const call = await until(async () => {
    for await (const event of run.events()) if (event.type === 'tool.started') return event;
    return undefined;
  });
  await bed.client.steer(run.id, 'make it quick');
  await bed.client.toolResult(run.id, call.id!, { result: 'A' });
  await run.result();
  expect(seen).toEqual(['steered', 'make it quick']);
  expect(told(await bed.eventsOf(run.id), 'message.taken')).toMatchObject([{ text: 'make it quick', step: 'agent' }]);
});

test('a message no turn reads any more is told to readers of the run all the same', async () => {
  bed.provider.first((request) => firstPrompt(request).includes('unread'), script([[['seats', { row: 1 }]]]));
  const run = await start('unread', { tools: ['seats'] });
  await until(async () => {
    for await (const event of run.events()) if (event.type === 'tool.started') return event;
    return undefined;
  });
  await bed.client.steer(run.id, 'and the price');
  await bed.client.stop(run.id);
  expect((await run.result()).stopReason).toBe('stopped');
  expect(told(await bed.eventsOf(run.id), 'message.taken')).toMatchObject([{ text: 'and the price' }]);
});

test('a message that is sent again under its id is read once, also in a later history, and answered as before', async () => {
  const turns = 16;
  let last: ChatCompletionRequest | undefined;
  bed.provider.first(
    (request) => firstPrompt(request).includes('told again'),
    (request) => {
      last = request;
      return script(Array.from({ length: turns }, (_, row) => [['seats', { row }]]))(request);
    },
  );
  const run = await start('told again', { tools: ['seats'], historyEvents: 50 });
  const tell = (id: string) => bed.client.steer(run.id, `told ${id}`, { id });
  const signal = (...args: unknown[]) => bed.temporal.workflow.getHandle(run.id).signal(STEER_AGENT, ...args);
  const runId = async () => (await bed.temporal.workflow.getHandle(run.id).describe()).runId;
  const first = await runId();
  const taken = { id: run.id, taken: true };
  let asked = 0;
  for await (const event of run.events()) {
    if (event.type !== 'tool.started') continue;
    asked += 1;
    if (asked === 1) expect([await tell('m-1'), await tell('m-1')]).toEqual([taken, taken]);
    // As a client does where no worker answers.
    if (asked === 2) await signal({ text: 'told m-1' }, 'm-1');
    if (asked === 3) await signal({ text: 'told m-2' }, 'm-2');
    if (asked === turns) {
      expect(await runId()).not.toBe(first);
      expect([await tell('m-1'), await tell('m-2'), await tell('m-3')]).toEqual([taken, taken, taken]);
    }
    await bed.client.toolResult(run.id, event.id!, { result: 'A' });
  }
  const heard = last!.messages.filter(({ role }) => role === 'user').map(({ content }) => content);
  expect(heard).toEqual(['told again', 'told m-1', 'told m-2', 'told m-3']);
  expect(await tell('m-3')).toEqual(taken);
  await expect(tell('m-4')).rejects.toMatchObject({ code: 'Conflict' });
});

test('a message that comes while the end is written is refused: nobody would read it', async () => {
  const held = new pg.Client({ connectionString: bed.databaseUrl });
  await held.connect();
  try {
    // The end waits for a lock that is held here.
    await held.query(`
      create function wait_for_test() returns trigger language plpgsql as
        $$ begin perform pg_advisory_xact_lock_shared(42); return new; end $$;
      create trigger wait_for_test before insert on events
        for each row when (new.type = 'run.completed') execute function wait_for_test();
      select pg_advisory_lock(42)`);
    const run = await start('hello', {});
    await until(async () => {
      const waits = "select 1 from pg_stat_activity where datname = current_database() and wait_event = 'advisory'";
      return (await held.query(waits)).rowCount! > 0 || undefined;
    });
    const sent = bed.temporal.workflow
      .getHandle(run.id)
      .executeUpdate<unknown, [{ text: string }]>(STEER_AGENT, { args: [{ text: 'one thing more' }] });
    await expect(sent).rejects.toMatchObject({
      name: 'WorkflowUpdateFailedError',
      cause: { type: 'Cancelled', message: expect.stringContaining('takes no further message') },
    });
    await held.query('select pg_advisory_unlock(42)');
    expect((await run.result()).steps).toBe(1);
  } finally {
    await held.query('select pg_advisory_unlock_all(); drop trigger wait_for_test on events');
    await held.end();
  }
});

test('what no longer fits becomes a summary: the task stays, and no result is parted from its call', async () => {
  const requests: ChatCompletionRequest[] = [];
  bed.provider.first(
    (request) => JSON.stringify(request.messages).includes('remember all'),
    (request) => {
      requests.push(request);
      const usage = { prompt_tokens: 1_500, completion_tokens: 20 };
      if (promptOf(request).startsWith('Write down the work so far')) return { content: 'Rome was sunny.', usage };
      if (requests.length > 12) return { content: 'enough', usage };
      return { toolCalls: [{ name: 'weather', arguments: `{"city":"city ${requests.length}"}` }], usage };
    },
  );
  const context = { maxTokens: 1_000, keepTokens: 100 };
  const result = await (await start('remember all', { tools: ['weather'], context })).result();
  expect(result.text).toBe('enough');
  const last = JSON.stringify(requests.at(-1)!.messages);
  expect(last).toContain('What was done before, in short:\\nRome was sunny.');
  expect(last).toContain('remember all');
  for (const { messages } of requests) {
    const called = new Set(messages.flatMap((message) => message.tool_calls?.map(({ id }) => id) ?? []));
    for (const message of messages) if (message.role === 'tool') expect(called).toContain(message.tool_call_id);
  }
});

test('it goes on in a new history without asking anything twice', async () => {
  done.length = 0;
  const run = await start('for ever', { tools: ['weather'], maxSteps: 30, historyEvents: 60 });
  const result = await run.result();
  expect(result).toMatchObject({ steps: 30, stopReason: 'maxSteps' });
  expect(done).toEqual(Array.from({ length: 29 }, (_, n) => `city ${n}`));
  const { raw } = await bed.temporal.workflow.getHandle(run.id).describe();
  expect(raw.workflowExecutionInfo!.firstRunId).not.toBe(raw.workflowExecutionInfo!.execution!.runId);
});

test('a fork takes over what its tools did, and pays nothing for the turns before', async () => {
  done.length = 0;
  const run = await start('cities', { tools: ['weather'] });
  await run.result();
  const before = bed.provider.requests().length;
  const fork = await bed.client.fork(run.id, { fromStep: 'agent#3' });
  expect(await bed.client.result(fork.id)).toMatchObject({
    text: 'done: sunny in Rome | sunny in Oslo | sunny in Bern',
  });
  expect(bed.provider.requests().length - before).toBe(1);
  expect(done).toHaveLength(3);
});

test.each([
  ['an unknown tool', { tools: ['wether'] }, 'Did you mean "weather"?'],
  [
    'an unknown tool of another agent',
    { agents: { b: { description: 'b', tools: ['nothing'] } } },
    'No tool named "nothing"',
  ],
  ['a hand-over to itself', { handoffs: ['agent'] }, 'cannot hand over to itself'],
  ['a hand-over to nobody', { handoffs: ['nobody'] }, 'There is no agent "nobody"'],
  ['an unknown skill', { skills: ['flying'] }, 'No tool named "skill__flying"'],
])('%s is found before anything starts', async (_, more, said) => {
  const requests = bed.provider.requests().length;
  await expect(start('anything', more)).rejects.toThrow(said);
  expect(bed.provider.requests()).toHaveLength(requests);
});
