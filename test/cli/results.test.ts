import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { resultView, viewText } from '../../src/cli/views/results.ts';
import { mockProvider, promptOf, USAGE } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { cadenza } from './command-line.ts';

const GPT = 'openai/gpt-6-sol';
const CLAUDE = 'anthropic/claude-sonnet-5-5';
const JUDGE = 'openai/gpt-6.1-terra';
const WORTH: Record<string, number> = { 'gpt-6-sol': 2, 'claude-sonnet-5-5': 3 };

let bed: TestBed;
let env: Record<string, string>;
let samples = 0;
beforeAll(async () => {
  const provider = await mockProvider((request) => {
    const prompt = promptOf(request);
    if (JSON.stringify(request.messages).includes('who debate a question')) {
      const held = request.model === 'gpt-6-sol' || prompt.includes('This is round 2') ? 'Wood' : 'Glass';
      return { content: JSON.stringify({ argument: `It is ${held}.`, position: held }), usage: USAGE };
    }
    if (prompt.startsWith('Your step: ')) {
      return {
        content: JSON.stringify({ result: `worth ${prompt.includes('[one]') ? 9 : 4}`, done: true }),
        usage: USAGE,
      };
    }
    if (prompt.includes('Results of the steps:')) return { content: 'It is worth 13.', usage: USAGE };
    if (prompt === 'facts') return { content: JSON.stringify({ worth: 5 }), usage: USAGE };
    if (prompt.includes('[A] ')) return { content: 'Yes, of glass [A].', usage: USAGE };
    const answers = [...prompt.matchAll(/Answer (\w):\n[^\n]*worth (\d)/g)].map(([, letter, worth]) => ({
      letter: letter!,
      worth: Number(worth),
    }));
    if (answers.length === 0) {
      const worth = prompt.includes('sample') ? ++samples : WORTH[request.model];
      return { content: `Answer to ${prompt} worth ${worth}`, usage: USAGE };
    }
    const marks = answers.map(({ letter, worth }) => [letter, { reason: `has ${worth}`, score: worth / 10 }]);
    const ranks = answers.map(({ letter, worth }) => [letter, { comment: `has ${worth}`, rank: 4 - worth }]);
    const judged = request.model === JUDGE.split('/')[1];
    const said = judged ? { answers: Object.fromEntries(marks), reason: 'It has most.' } : Object.fromEntries(ranks);
    return { content: JSON.stringify(said), usage: USAGE };
  });
  bed = await testBed({ provider });
  env = {
    ...provider.env,
    TEMPORAL_ADDRESS: process.env.CADENZA_TEST_TEMPORAL_ADDRESS!,
    CADENZA_DATABASE_URL: bed.databaseUrl,
    CADENZA_TASK_QUEUE: bed.taskQueue,
  };
});
afterAll(() => bed.close());

const policy = { candidates: [GPT] };
const models = [GPT, CLAUDE];
interface Case {
  pattern: string;
  input: object;
  /** how it came about, in this order */
  before: string[];
  answer: string;
}
const cases: Case[] = [
  { pattern: 'ask', input: { prompt: 'one', policy }, before: [], answer: 'Answer to one worth 2' },
  {
    pattern: 'chain',
    input: {
      policy,
      steps: [
        { id: 'draft', prompt: 'a draft' },
        { id: 'facts', prompt: 'facts', schema: { type: 'object', properties: { worth: { type: 'number' } } } },
        { id: 'final', prompt: 'more' },
      ],
    },
    before: [`── draft · ${GPT}\nAnswer to a draft worth 2`, `── facts · ${GPT}\n`, `── final · ${GPT}`],
    answer: 'Answer to more worth 2',
  },
  {
    pattern: 'council',
    input: { prompt: 'all', members: models, chairman: GPT },
    before: ['Answer to all worth 3', 'Mean ranks, 1 is best:\n', `★ 1.00  ${CLAUDE}\n  2.00  ${GPT}`],
    answer: 'Yes, of glass [A].',
  },
  {
    pattern: 'debate',
    input: {
      question: 'of what?',
      debaters: [
        { name: 'ann', model: GPT },
        { name: 'bob', model: CLAUDE },
      ],
    },
    before: ['It is Glass.\n→ Glass', '★ Wood (all agree; held by ann, bob)\n'],
    answer: 'Wood\n\nIt is Wood.',
  },
  {
    pattern: 'plan',
    input: {
      goal: 'a sum',
      tools: [],
      policy,
      plan: {
        steps: [
          { id: 'one', what: 'x' },
          { id: 'rank', what: 'y', needs: ['one'] },
        ],
      },
    },
    before: ['worth 4', 'worth 9'],
    answer: 'It is worth 13.',
  },
  {
    pattern: 'best-of',
    input: { prompt: 'a sample', policy, n: 2, judge: JUDGE },
    before: ['Answer to a sample worth 1', ': It has most.\n'],
    answer: 'Answer to a sample worth 2',
  },
  {
    pattern: 'compare',
    input: { prompt: 'both', models, judge: JUDGE },
    before: ['Answer to both worth 2', `★ ${CLAUDE}: It has most.\n`],
    answer: 'Answer to both worth 3',
  },
  {
    pattern: 'compare',
    input: { prompt: 'merged', models, merge: GPT },
    before: ['Answer to merged worth 3'],
    answer: 'Yes, of glass [A].',
  },
  {
    pattern: 'crew',
    input: {
      policy,
      agents: { scout: { role: 'Scout', goal: 'Look' }, clerk: { role: 'Clerk', goal: 'Write' } },
      tasks: {
        look: { description: 'a look', agent: 'scout' },
        note: { description: 'a note', agent: 'clerk', context: [] },
      },
    },
    before: ['── look · scout · ', 'Answer to a look', '── note · clerk · '],
    answer: 'Answer to a note\n\nGive the actual, complete content as your final answer, not a summary of it. worth 2',
  },
  {
    pattern: 'map',
    input: { pattern: 'ask', items: [{ prompt: 'first' }, { prompt: 'second' }], policy },
    before: ['── row 1\nAnswer to first worth 2', '── row 2\nAnswer to second worth 2'],
    answer: '2 rows done, 0 failed.',
  },
];

test.each(cases)(
  '$pattern: the answer last and how it came about before it, with --watch and without',
  async ({ pattern, input, before, answer }) => {
    samples = 0;
    const args = ['run', pattern, '--input', JSON.stringify(input), '--id', `view-${randomUUID()}`];
    for (const flags of [[], ['--watch']]) {
      const { code, stdout, stderr } = await cadenza([...args, ...flags], { env });
      expect({ code, stderr: stderr.replace(/^The run .* was there already.*\n/, '') }).toEqual({
        code: 0,
        stderr: pattern === 'map' && flags.length > 0 ? expect.stringContaining('2 of 2 rows') : '',
      });
      // Under a watched run stand its cost and where to see more.
      const shown = flags.length === 0 ? stdout : stdout.split('\n').slice(0, -3).join('\n');
      const at = [...before, answer].map((text) => shown.lastIndexOf(text));
      expect([at, shown]).toEqual([at.map((place) => (place < 0 ? 'missing' : place)).sort(byNumber), shown]);
      expect(
        shown
          .trimEnd()
          .slice(at.at(-1))
          .replace(/\n+Sources: [^\n]*$/, ''),
      ).toBe(answer);
      expect(shown).not.toMatch(/[{"]\w+"?:/);
    }
  },
);

const byNumber = (a: number | string, b: number | string) => Number(a) - Number(b);

test('with --json the last line is the result, and a watched run has its events before it', async () => {
  const args = ['run', 'ask', '--input', JSON.stringify({ prompt: 'json', policy }), '--id', `json-${randomUUID()}`];
  const lines = async (...flags: string[]) => {
    const { code, stdout } = await cadenza([...args, '--json', ...flags], { env });
    expect(code).toBe(0);
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  };
  const [result, ...none] = await lines();
  expect(result).toMatchObject({ text: 'Answer to json worth 2', model: GPT });
  expect(none).toEqual([]);
  const watched = await lines('--watch');
  expect(watched.at(-2)).toMatchObject({ type: 'run.completed' });
  expect(watched.at(-1)).toEqual(result);
});

test('runs --json ends with the cursor of the next page, which leads there', async () => {
  const list = async (...flags: string[]) => {
    const { stdout } = await cadenza(['runs', '--json', '--limit', '1', ...flags], { env });
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  };
  const [first, next, ...none] = await list();
  expect(none).toEqual([]);
  expect(next).toEqual({ nextCursor: expect.any(String) });
  const [second] = await list('--cursor', next.nextCursor);
  expect(second.id).not.toBe(first.id);
});

test('a conversation shows what was said, and then how much', async () => {
  const id = `talk-${randomUUID()}`;
  await bed.client.start('conversation', { policy }, { id });
  await bed.client.send(id, 'hello');
  await bed.client.send(id, 'and then');
  await bed.client.end(id);
  const { stdout } = await cadenza(['run', 'conversation', '--input', '{}', '--id', id], { env });
  expect(stdout).toBe(
    '› hello\nAnswer to hello worth 2\n\n› and then\nAnswer to and then worth 2\n\n2 messages were answered.\n',
  );
});

const nowhere = { client: {} as never, id: 'x' };
test.each([
  ['a text', 'Of glass.', 'Of glass.'],
  ['an answer', { text: 'Of glass.', model: GPT, usage: {} }, 'Of glass.'],
  [
    'an answer among others',
    { final: { text: 'Glass.' }, drafts: ['a', 'b'] },
    'drafts:\n  - a\n  - b\n\n── final\nGlass.',
  ],
  ['numbers', { done: 3, of: [1, 2] }, 'done: 3\nof:\n  - 1\n  - 2'],
  ['nothing', undefined, ''],
])("a user's workflow that gives %s is shown without JSON", async (_, result, shown) => {
  expect(viewText(await resultView('pressRelease', result, nowhere))).toBe(shown);
});

test('a folder with agents.yaml and tasks.yaml runs, and what is not supported is named beside the result', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'cadenza-crew-'));
  const agent = (role: string) => `{ role: ${role}, goal: Go, verbose: true, llm: openai/no-such-model }`;
  writeFileSync(path.join(folder, 'agents.yaml'), `scout: ${agent('Scout')}\nclerk: ${agent('Clerk')}\n`);
  writeFileSync(
    path.join(folder, 'tasks.yaml'),
    "look: { description: 'a look at {topic}' }\nnote: { description: a note, agent: clerk, output_file: '{topic}/note.md' }\n",
  );
  const out = path.join(folder, 'out');
  const run = (...flags: string[]) => cadenza(['crew', 'run', folder, ...flags], { env });
  try {
    const models = ['--policy', GPT];
    expect(await run('--input', 'topic=rivers', ...models)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/These tasks name no agent: look\.\n {2}.*--assign look=scout/),
    });
    const assigned = ['--assign', 'look=scout', '--json', '--out', out];
    expect(await run('--input', 'topic=rivers', ...assigned)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('"path":"input.agents.scout.llm"'),
    });
    expect(await run('--input', 'place=here', ...assigned, ...models)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('"path":"input.inputs.topic"'),
    });
    expect(await run('--input', 'topic=../..', ...assigned, ...models)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining(`output_file of note leads out of ${out}`),
    });
    const { code, stdout, stderr } = await run('--input', '{"topic":"rivers"}', ...assigned, ...models);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(
        /^Not supported, and left out:\n {2}agents\.yaml: verbose \(scout, clerk\)\nWrote /,
      ),
    });
    const { tasks, final } = JSON.parse(stdout);
    expect(tasks.look.text).toContain('Answer to a look at rivers');
    expect(readFileSync(path.join(out, 'rivers/note.md'), 'utf8')).toBe(final.text);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
