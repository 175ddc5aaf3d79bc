import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readRunning } from '../../src/local/index.ts';
import { type DevProcess, startDev } from '../setup/dev-process.ts';

const EXAMPLES = path.resolve(import.meta.dirname, '../../examples');
const WITH_OWN_WORKER = ['approval', 'press-release'];
const WITH_OWN_CLIENT = ['gateway'];

let dev: DevProcess;
let out: string;
beforeAll(async () => {
  out = mkdtempSync(path.join(os.tmpdir(), 'cadenza-examples-'));
  const noKeys = { OPENAI_API_KEY: '', ANTHROPIC_API_KEY: '', GEMINI_API_KEY: '' };
  dev = await startDev({ ...noKeys, CADENZA_SANDBOX_SPEED: 'instant' });
});
afterAll(async () => {
  expect(await dev.stop()).toBe(0);
  rmSync(out, { recursive: true, force: true });
});

/** Each as its README says, without keys. */
const LABEL = /\[sandbox\//;
const talk = readFileSync(path.join(EXAMPLES, 'conversation/messages.txt'), 'utf8');
const runs = [
  {
    example: 'agent',
    args: ['run', 'agent', '--input', 'examples/agent/input.json'],
    shows: /calculator[\s\S]*\[sandbox\//,
  },
  { example: 'best-of', args: ['run', 'best-of', '--input', 'examples/best-of/input.json'] },
  { example: 'chain', args: ['run', 'chain', '--input', 'examples/chain/article.json'] },
  { example: 'council', args: ['run', 'council', '--input', 'examples/council/input.json'] },
  { example: 'crew', args: ['crew', 'run', 'examples/crew', '--input', 'topic=oxbow lakes'] },
  {
    example: 'crew',
    args: ['crew', 'run', 'examples/crew', '--input', 'topic=oxbow lakes', '--process', 'hierarchical', '--watch'],
    shows:
      /→ manager: delegate_work.*\n[\s\S]*→ researcher: web_search.*\n[\s\S]*── article\/writer · writer · sandbox\//,
  },
  { example: 'debate', args: ['run', 'debate', '--input', 'examples/debate/input.json'] },
  {
    example: 'plan',
    args: ['run', 'plan', '--input', 'examples/plan/input.json', '--watch'],
    shows: /bus: calculator/,
  },
  { example: 'route', args: ['run', 'ask', '--input', 'examples/route/input.json'] },
  { example: 'route', args: ['run', 'ask', '--input', 'examples/route/cascade.json'] },
  { example: 'map', args: ['run', 'map', '--input', 'examples/map/input.json'], shows: /[1-9] rows done/ },
  {
    example: 'documents',
    args: ['run', 'ingest', '--input', 'examples/documents/ingest.json'],
    shows: /3 documents read/,
  },
  {
    example: 'documents',
    args: ['run', 'answer', '--input', 'examples/documents/question.json'],
    shows: /\[sandbox\/.* October 1871[\s\S]*\[1\] examples\/documents\/library\/lighthouse\.md:5/,
  },
  {
    example: 'evaluation',
    args: ['eval', 'examples/evaluation/replies.yaml', '--gate'],
    shows: /named against variant bare: better[\s\S]*Gate passed/,
  },
  { example: 'conversation', args: ['chat', 'walk', '--input', 'examples/conversation/input.json'], stdin: talk },
];

test('every example is run here, or has a worker of its own', () => {
  const run = new Set([...runs.map(({ example }) => example), ...WITH_OWN_WORKER, ...WITH_OWN_CLIENT]);
  expect(readdirSync(EXAMPLES).filter((example) => !run.has(example))).toEqual([]);
});

test.each(runs)('the example $example runs: cadenza $args', async (run) => {
  const { code, text } = await dev.cadenza(run.args, run.stdin);
  expect({ code, text }).toEqual({ code: 0, text: expect.stringMatching(run.shows ?? LABEL) });
});

test('the example gateway asks by the OpenAI SDK and by curl', async () => {
  const env = { ...process.env, CADENZA_URL: dev.url };
  const file = (name: string) => path.join(EXAMPLES, 'gateway', name);
  const sdk = await promisify(execFile)(process.execPath, [file('openai.ts')], { env });
  expect(sdk.stdout).toMatch(/\[sandbox\/[\s\S]*\d+ tokens\ncalls .*get_weather.*\ncompleted \{"town":/);
  const curl = await promisify(execFile)('sh', [file('curl.sh')], { env });
  expect(curl.stdout).toMatch(/^data: \{"id":"chatcmpl-[\s\S]*data: \[DONE\]\n\n$/);
});

test('the example map writes its output in input order', async () => {
  const file = path.join(out, 'cities.jsonl');
  const { code } = await dev.cadenza([
    ...['map', 'ask', '--data', 'examples/map/cities.csv', '--input', 'examples/map/prompt.json'],
    ...['--policy', 'sandbox/gpt', '--out', file],
  ]);
  expect(code).toBe(0);
  const rows = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { row: number });
  expect(rows.length).toBeGreaterThan(1);
  expect(rows.map(({ row }) => row)).toEqual(rows.map((_, index) => rows[0]!.row + index));
});

test('the example of routers is evaluated, with its curve', async () => {
  const { code, text } = await dev.cadenza([
    ...[
      'eval',
      'route',
      '--data',
      'examples/route/prompts.jsonl',
      '--routes',
      'examples/route/routes.json',
      '--out',
      out,
    ],
  ]);
  expect({ code, text }).toMatchObject({ code: 0 });
  expect(readFileSync(path.join(out, 'curve.svg'), 'utf8')).toContain('<svg');
});

/** Node alone starts them, as their READMEs say: nothing is built before. */
test.each([
  { example: 'press-release', says: /# headline[\s\S]*# Result\n/ },
  { example: 'approval', says: /Approved\.\n\{\s+published: .*by: 'ann'\s+\}/s, answers: ['--by', 'ann'] },
])('the example $example runs with its own worker', async ({ example, says, answers }) => {
  const { temporalAddress, databaseUrl } = readRunning(dev.home)!;
  const env = {
    ...process.env,
    TEMPORAL_ADDRESS: temporalAddress,
    CADENZA_DATABASE_URL: databaseUrl,
    NODE_OPTIONS: '',
  };
  const start = (name: string) => spawn(process.execPath, [path.join(EXAMPLES, example, name)], { env, cwd: out });
  const worker = start('worker.ts');
  const client = start('start.ts');
  const ended = [worker, client].map((program) => once(program, 'close'));
  let said = '';
  for (const stream of [client.stdout, client.stderr]) {
    stream.on('data', (data: Buffer) => {
      said += data;
      const asked = answers && /npx cadenza (approve \S+ \S+)/.exec(said);
      if (!asked) return;
      stream.removeAllListeners('data').on('data', (more: Buffer) => (said += more));
      void dev.cadenza([...asked[1]!.split(' '), ...answers]);
    });
  }
  await ended[1];
  worker.kill('SIGINT');
  await ended[0];
  expect(said).toMatch(says);
});
