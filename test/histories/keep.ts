/**
 * Writes the histories that test/workflows/replay.test.ts replays: `npm run histories` after a pattern was added or its
 * commands were changed on purpose. A change that was not on purpose makes the replay of the old ones fail instead.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ChatCompletionRequest, FixtureResponse } from '@copilotkit/aimock';
import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { z } from 'zod';
import { defineTool } from '../../src/tools/index.ts';
import { pressReply } from '../crash/press-room.ts';
import { failWith, mockProvider, promptOf } from '../setup/mock-provider.ts';
import startServers from '../setup/start-servers.ts';
import { type StepBed, stepBed } from '../setup/step-bed.ts';
import stopServers from '../setup/stop-servers.ts';
import type { TestBed } from '../setup/test-bed.ts';
import { until, untilEvent } from '../setup/until.ts';

const gpt = 'openai/gpt-6-sol';
const claude = 'anthropic/claude-sonnet-5-5';
const members = [gpt, claude];
const judged = JSON.stringify({
  answers: { A: { reason: 'thin', score: 0.2 }, B: { reason: 'full', score: 0.9 } },
  reason: 'B says more',
});

const rules = {
  strategy: 'rules',
  rules: [{ when: { code: true }, choose: gpt }],
  default: claude,
};
const guardrails = {
  before: [{ check: 'personalData', onFailure: 'redact' }],
  after: [{ check: 'length', maxCharacters: 5_000 }],
};

const writer = { role: 'Writer', goal: 'Write of {topic}' };
const crew = {
  agents: { researcher: { role: 'Researcher', goal: 'Find out' }, writer },
  tasks: {
    look: { description: 'Look at {topic}', agent: 'researcher', async: true },
    list: { description: 'List {topic}', agent: 'researcher' },
    article: { description: 'Write it', agent: 'writer', guardrail: { check: 'length', maxCharacters: 5_000 } },
  },
  inputs: { topic: 'rivers' },
  policy: { candidates: [claude] },
};

const runs: [file: string, pattern: string, input: object][] = [
  ['ask.plain', 'ask', { prompt: 'Why do rivers bend?', policy: { candidates: [claude] } }],
  ['ask.fallback', 'ask', { prompt: 'down', policy: { candidates: members, maxAttempts: 2 } }],
  ['ask.failed', 'ask', { prompt: 'down', policy: { candidates: [gpt], maxAttempts: 1 } }],
  ['ask.default-policy', 'ask', { prompt: 'By the policy of the config' }],
  [
    'ask.tools',
    'ask',
    {
      prompt: 'What is the weather in Bergen?',
      tools: [{ name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } }],
      toolChoice: 'auto',
      parallelTools: false,
      settings: { maxOutputTokens: 500 },
      policy: { candidates: [claude] },
    },
  ],
  ['embed.plain', 'embed', { texts: ['Why do rivers bend?'], model: 'openai/text-embedding-3-small' }],
  ['compare.plain', 'compare', { prompt: 'Tea or coffee?', models: members }],
  ['compare.judged', 'compare', { prompt: 'Sun or rain?', models: members, judge: claude, merge: claude }],
  ['council.plain', 'council', { prompt: 'Sea or hills?', members, chairman: claude }],
  ['crew.sequential', 'crew', crew],
  ['crew.hierarchical', 'crew', { ...crew, process: 'hierarchical' }],
  [
    'debate.judged',
    'debate',
    { question: 'Tea or wine?', debaters: [{ model: gpt }, { model: claude }], rounds: 2, judge: claude },
  ],
  [
    'debate.agreed',
    'debate',
    {
      question: 'Rum or agreed?',
      debaters: [
        { model: gpt, role: 'for' },
        { model: claude, role: 'against' },
      ],
    },
  ],
  ['plan.replanned', 'plan', { goal: 'kept plan', tools: ['kept_tool'], policy: { candidates: [claude] } }],
  ['debate.ranked', 'debate', { question: 'Ale or mead?', debaters: [{ model: gpt }, { model: claude }], rounds: 1 }],
  ['ask.route', 'ask', { prompt: 'Route me', route: rules }],
  ['ask.guardrails', 'ask', { prompt: 'My card is 4111 1111 1111 1111', policy: { candidates: [claude], guardrails } }],
  ['ask.hedge', 'ask', { prompt: 'slow at first', policy: { candidates: members, hedge: { afterMs: 200 } } }],
  ['ask.waits', 'ask', { prompt: 'down once', policy: { candidates: [gpt], maxAttempts: 1, patience: '1 hour' } }],
  ['best-of.plain', 'best-of', { prompt: 'A name for a cat', policy: { candidates: [claude] }, n: 2, judge: claude }],
  [
    'chain.loop',
    'chain',
    {
      policy: { candidates: [claude] },
      input: { topics: ['one', 'two'] },
      steps: [
        { id: 'each', prompt: 'About {{item}}', forEach: '{{input.topics}}' },
        {
          id: 'both',
          parallel: [
            { id: 'left', prompt: 'Left of {{steps.each.text}}' },
            { id: 'right', prompt: 'Right of {{steps.each.text}}' },
          ],
        },
        { id: 'skipped', prompt: 'Never', when: { value: '{{steps.left.text}}', equals: 'nothing' } },
        { id: 'end', prompt: 'End {{steps.right.text}}' },
      ],
    },
  ],
  [
    'chain.sub-runs',
    'chain',
    {
      policy: { candidates: [claude] },
      input: { topics: ['one', 'two'] },
      steps: [
        { id: 'round', prompt: 'Round {{round}}', repeat: { max: 2 } },
        { id: 'inner', pattern: 'ask', input: { prompt: 'In {{steps.round.text}}', policy: { candidates: [claude] } } },
        {
          id: 'each',
          pattern: 'ask',
          forEach: '{{input.topics}}',
          input: { prompt: 'On {{item}}', policy: { candidates: [claude] } },
        },
      ],
    },
  ],
];

/** Runs that are talked to, or that need more than a start. @returns the run whose history is kept */
const talks: [file: string, talk: (bed: StepBed) => Promise<{ id: string; runId?: string }>][] = [
  ['conversation.plain', ({ client }) => conversation(client, 50)],
  [
    'conversation.continued',
    async ({ client, temporal }) => {
      const { id } = await client.start('conversation', { policy: { candidates: [claude] }, historyTurns: 1 });
      const { runId } = await temporal.workflow.getHandle(id).describe();
      await client.send(id, 'Hello');
      await client.send(id, 'And then?');
      await client.end(id);
      await client.result(id);
      return { id, runId };
    },
  ],
  ['conversation.last', ({ client }) => conversation(client, 1)],
  [
    'crew.reviewed',
    async ({ client }) => {
      const letter = { description: 'A letter', agent: 'writer', humanInput: true };
      const { id } = await client.start('crew', { ...crew, agents: { writer }, tasks: { letter } });
      await untilEvent(client, id, 'approval.requested');
      await client.approve(id, 'letter/review', { approved: false, comment: 'Shorter' });
      await until(() => client.approve(id, 'letter/review#2', { approved: true }).catch(() => undefined));
      await client.result(id);
      return { id };
    },
  ],
  ['map.plain', ({ client }) => map(client, [claude])],
  ['map-rows.fallback', async ({ client }) => ({ id: `${(await map(client, members, 'down')).id}/rows-1` })],
  [
    'map-rows.sub-runs',
    async ({ client }) => {
      const input = { prompt: 'Compare {{item.x}}', models: members };
      const run = await client.start('map', { pattern: 'compare', items: [{ x: 1 }, { x: 2 }], input });
      await run.result();
      return { id: `${run.id}/rows-1` };
    },
  ],
  ['ingest.plain', ({ client }) => ingested(client, 'kept')],
  ['answer.plain', ({ client }) => answered(client, 'Why do rivers bend?')],
  ['answer.corrected', ({ client }) => answered(client, 'Do rivers sing?', { rerank: claude })],
  ['ask.webhook', async ({ temporal, taskQueue }) => withWebhook(temporal, taskQueue)],
  [
    'webhook.refused',
    async ({ temporal, taskQueue }) => {
      const { id, runId } = await withWebhook(temporal, taskQueue);
      const webhook = `${id}/webhook/${runId.slice(0, 8)}`;
      await temporal.workflow
        .getHandle(webhook)
        .result()
        .catch(() => {});
      return { id: webhook };
    },
  ],
  [
    'signOff.approval',
    async ({ client, temporal, taskQueue }) => {
      const id = 'kept-sign-off';
      const handle = await temporal.workflow.start('signOff', {
        workflowId: id,
        taskQueue: `${taskQueue}-steps`,
        args: [],
      });
      await untilEvent(client, id, 'approval.requested');
      await client.approve(id, 'sign-off', { approved: true, by: 'ann' });
      await handle.result();
      return { id };
    },
  ],
  [
    'agent.continued',
    async ({ client, temporal }) => {
      const policy = { candidates: [claude] };
      const run = await client.start('agent', { task: 'kept rounds', tools: ['kept_tool'], policy, historyEvents: 50 });
      const { runId } = await temporal.workflow.getHandle(run.id).describe();
      await run.result();
      return { id: run.id, runId };
    },
  ],
  [
    'agent.told',
    async ({ client }) => {
      const tools = [{ name: 'kept_client', parameters: { properties: { x: { type: 'number' } } } }];
      const run = await client.start('agent', { task: 'kept telling', tools, policy: { candidates: [claude] } });
      const { id } = await untilEvent(client, run.id, 'tool.started', ({ by }) => by === 'client');
      await client.steer(run.id, 'And be quick');
      await client.toolResult(run.id, id!, { result: 7 });
      await run.result();
      return { id: run.id };
    },
  ],
  [
    'agent.asks',
    async ({ client }) => {
      const tools = ['kept_approved', { name: 'kept_client', parameters: { properties: { x: { type: 'number' } } } }];
      const run = await client.start('agent', { task: 'kept questions', tools, policy: { candidates: [claude] } });
      const { approval } = await untilEvent(client, run.id, 'approval.requested');
      await client.approve(run.id, approval, { approved: true });
      const { id } = await untilEvent(client, run.id, 'tool.started', ({ by }) => by === 'client');
      await client.toolResult(run.id, id!, { result: 7 });
      await run.result();
      return { id: run.id };
    },
  ],
  [
    'agent.team',
    async ({ client }) => {
      const other = { description: 'Goes on.', system: 'You go on.', tools: ['kept_tool'] };
      const context = { maxTokens: 1_000, keepTokens: 100 };
      const input = {
        task: 'kept team',
        handoffs: ['other'],
        agents: { other },
        context,
        policy: { candidates: [claude] },
      };
      const run = await client.start('agent', input);
      await run.result();
      return { id: run.id };
    },
  ],
  [
    'plan.approved',
    async ({ client }) => {
      const input = { goal: 'kept plan', tools: ['kept_tool'], policy: { candidates: [claude] }, approve: true };
      const { id } = await client.start('plan', input);
      const work = { id: 'first', what: 'WORK', needs: [] as string[] };
      for (const [approval, needs] of [
        ['approve', ['nowhere']],
        ['approve#2', []],
      ] as const) {
        await until(async () => (await client.approvals(id)).find((one) => one.approval === approval));
        const steps = [{ ...work, needs: [...needs] }];
        await client.approve(id, approval, { approved: true, arguments: { steps } });
      }
      await client.result(id);
      return { id };
    },
  ],
  [
    'branches.plain',
    async ({ step }) => {
      await step('branches', ['a', 'b'], 'kept-branches');
      return { id: 'kept-branches' };
    },
  ],
];

async function conversation(client: TestBed['client'], historyTurns: number): Promise<{ id: string }> {
  const { id } = await client.start('conversation', { policy: { candidates: [claude] }, historyTurns });
  for (const text of ['Hello', 'And then?']) await client.send(id, text);
  await client.end(id);
  await client.result(id);
  return { id };
}

async function map(client: TestBed['client'], candidates: string[], word = 'Row'): Promise<{ id: string }> {
  const run = await client.start('map', {
    pattern: 'ask',
    items: [{ x: 1 }, { x: 2 }],
    input: { prompt: `${word} {{item.x}}`, policy: { candidates, maxAttempts: 1 } },
  });
  await run.result();
  return { id: run.id };
}

async function ingested(client: TestBed['client'], collection: string): Promise<{ id: string }> {
  const sources = [
    { name: 'rivers', text: '# Rivers\n\nRivers bend because water runs faster outside.' },
    { name: 'lakes', text: '# Lakes\n\nAn oxbow lake is a bend that was cut off.' },
  ];
  const run = await client.start('ingest', { collection, sources });
  await run.result();
  return { id: run.id };
}

async function answered(client: TestBed['client'], question: string, more: object = {}): Promise<{ id: string }> {
  await ingested(client, 'asked');
  const run = await client.start('answer', {
    ...{ collection: 'asked', question, policy: { candidates: [claude] }, ...more },
  });
  await run.result();
  return { id: run.id };
}

/** A run whose end is told to an address that no webhook may be sent to. */
async function withWebhook(temporal: Client, taskQueue: string): Promise<{ id: string; runId: string }> {
  const id = `kept-webhook-${randomUUID()}`;
  const input = { prompt: 'Tell them', policy: { candidates: [claude] } };
  const handle = await temporal.workflow.start('ask', {
    workflowId: id,
    taskQueue,
    args: [input, { webhook: { url: 'http://127.0.0.1:9/' } }],
  });
  await handle.result();
  return { id, runId: handle.firstExecutionRunId };
}

process.env.CADENZA_WEBHOOK_SECRET = `whsec_${Buffer.from('kept for histories alone').toString('base64')}`;
await startServers();
const provider = await mockProvider();
let asked = 0;
provider.first(
  (request) => JSON.stringify(request.messages).includes('down once') && asked++ === 0,
  failWith(500, 'out of order'),
);
provider.first(
  (request) => request.model.startsWith('gpt') && JSON.stringify(request.messages).includes('slow at first'),
  () => ({ content: 'At last.' }),
  { latency: 1_500 },
);
provider.first(
  (request) => request.model.startsWith('gpt') && /down( \d)?"/.test(JSON.stringify(request.messages)),
  failWith(500, 'out of order'),
);
provider.first(
  (request) => promptOf(request).includes('weather in Bergen'),
  () => ({ toolCalls: [{ name: 'get_weather', arguments: JSON.stringify({ city: 'Bergen' }) }] }),
);
provider.first(
  (request) => JSON.stringify(request.messages).includes('Answer A'),
  () => ({ content: judged }),
);
provider.first((request) => JSON.stringify(request.messages).includes('topic-kept'), pressReply);
// A manager gives each task to the writer, and answers with what comes back.
provider.first(
  (request) => promptOf(request).includes('delegate_work') && !request.messages.some(({ role }) => role === 'tool'),
  () => ({ toolCalls: [{ name: 'delegate_work', arguments: JSON.stringify({ coworker: 'writer', task: 'Do it' }) }] }),
);
provider.first(
  (request) => JSON.stringify(request.messages).includes('<passage '),
  (request) => {
    const said = JSON.stringify(request.messages);
    if (said.includes('Say which passages help')) return { content: '{"ranking":[{"passage":1,"relevance":1}]}' };
    const quote = said.includes('Do rivers sing?') && !said.includes('is not in passage') ? 'They sing' : 'Rivers bend';
    return { content: JSON.stringify({ found: true, answer: 'They bend [1].', quotes: [{ passage: 1, quote }] }) };
  },
);
provider.first((request) => JSON.stringify(request.messages).includes('debate'), debateReply);
/** Agents do what their task says, one tool a turn. */
const PLANS: Record<string, string[]> = {
  'kept rounds': Array.from({ length: 8 }, () => 'kept_tool'),
  'kept telling': ['kept_client'],
  'kept questions': ['kept_approved', 'kept_client'],
  'kept team': ['hand_over_to_other', 'kept_tool', 'kept_tool', 'kept_tool'],
};
for (const [task, plan] of Object.entries(PLANS)) {
  let turn = 0;
  provider.first(
    (request) => JSON.stringify(request.messages).includes(task),
    (request) => {
      const usage = { input_tokens: 1_500, output_tokens: 10 };
      if (promptOf(request).startsWith('Write down the work so far')) return { content: 'Some was done.', usage };
      const name = plan[turn++];
      return name === undefined ? { content: 'done', usage } : { toolCalls: [{ name, arguments: '{}' }], usage };
    },
  );
}
const said = z.object({});
const config = {
  tools: [
    defineTool({ name: 'kept_tool', description: 'A tool.', input: said, replay: 'safe', run: () => 'fine' }),
    defineTool({ name: 'kept_approved', description: 'A tool.', input: said, approval: 'always', run: () => 'fine' }),
  ],
};
provider.first((request) => JSON.stringify(request.messages).includes('kept plan'), planReply);
const bed = await stepBed(provider, {
  config,
  workflowsPath: fileURLToPath(new URL('./workflows.ts', import.meta.url)),
});
const folder = import.meta.dirname;
try {
  await mkdir(folder, { recursive: true });
  for (const [file, pattern, input] of runs.filter(([file]) => isWanted(file))) {
    const run = await bed.client.startUnchecked(pattern, input);
    await run.result().catch(() => {});
    await keep(file, run.id);
  }
  if (isWanted('pressRelease')) await keepPressRelease();
  for (const [file, talk] of talks.filter(([file]) => isWanted(file))) {
    const { id, runId } = await talk(bed);
    await keep(file, id, runId);
  }
} finally {
  await bed.close();
  await stopServers();
}

/** `npm run histories -- agent` keeps those alone that begin so. */
function isWanted(file: string): boolean {
  return file.startsWith(process.argv[2] ?? '');
}

async function keepPressRelease(): Promise<void> {
  const topic = { topic: 'topic-kept', writers: members, policy: { candidates: [claude] } };
  await bed.step('pressRelease', topic, 'kept-press-release');
  await keep('pressRelease.plain', 'kept-press-release');
}

/** A plan whose second step fails, and another one for it; steps that use a tool. */
function planReply(request: ChatCompletionRequest): FixtureResponse {
  const text = JSON.stringify(request.messages);
  const say = (object: object) => ({ content: JSON.stringify(object) });
  if (text.includes('You plan how a goal is reached')) {
    const step = (id: string, what: string, needs: string[]) => ({ id, what, tools: ['kept_tool'], needs });
    const steps = [step('first', 'WORK', []), step('second', 'BREAK', ['first'])];
    return say({ steps: text.includes('An earlier plan was begun') ? [step('other', 'WORK', ['first'])] : steps });
  }
  if (text.includes('A plan for a goal was carried out')) return { content: 'Fine.' };
  if (text.includes('Your step: BREAK')) return say({ result: 'It is broken.', done: false });
  const isDone = request.messages.some(({ role }) => role === 'tool');
  return isDone ? say({ result: 'fine', done: true }) : { toolCalls: [{ name: 'kept_tool', arguments: '{}' }] };
}

/** A turn that repeats itself, unless the question is agreed on in the second round; a judge that likes A; a look at both. */
function debateReply({ messages }: ChatCompletionRequest): FixtureResponse {
  const text = JSON.stringify(messages);
  const [, letter = 'A'] = /You are debater (\w)/.exec(text) ?? [];
  const agrees = text.includes('Rum or agreed?') && text.includes('This is round 2');
  const mark = { reason: 'shown', score: 0.5 };
  const said = text.includes('You judge a debate')
    ? { debaters: { A: mark, B: mark }, reason: 'It is even.', answer: 'Tea.' }
    : text.includes('differ in substance')
      ? { reason: 'One is hot.', differ: true }
      : { argument: `${letter} argues.`, position: agrees ? 'rum' : letter };
  return { content: JSON.stringify(said) };
}

async function keep(file: string, id: string, runId?: string): Promise<void> {
  const history = await bed.temporal.workflow.getHandle(id, runId).fetchHistory();
  await writeFile(path.join(folder, `${file}.json`), `${withoutPlaces(historyToJSON(history))}\n`);
  console.log(`kept ${file}`);
}

/** A history without the names and paths of the machine it was made on. */
function withoutPlaces(json: string): string {
  return JSON.stringify(JSON.parse(json), (name, value: unknown) => {
    if (name === 'stackTrace') return '';
    return name === 'identity' ? 'worker' : value;
  });
}
