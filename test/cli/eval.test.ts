import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ChatCompletionRequest } from '@copilotkit/aimock';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { stringify } from 'yaml';
import { CadenzaError } from '../../src/client/errors.ts';
import type { EvaluationInput, EvaluationReport } from '../../src/contract/index.ts';
import { evaluate, readEvaluation } from '../../src/evaluation/index.ts';
import { failWith, mockProvider, promptOf, USAGE } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { until } from '../setup/until.ts';
import { cadenza } from './command-line.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'cadenza-eval-'));
const GPT = 'openai/gpt-6-sol';
const JUDGE = 'openai/gpt-6-luna';
const CAPITALS: Record<string, string> = {
  ...{ France: 'Paris', Italy: 'Rome', Peru: 'Lima', Japan: 'Tokyo', Chad: 'N’Djamena', Cuba: 'Havana' },
  ...{ Kenya: 'Nairobi', Norway: 'Oslo', Egypt: 'Cairo', Spain: 'Madrid' },
};

/** A model that does as well as it is asked: with "carefully" it knows all capitals, else half of them. */
function reply(request: ChatCompletionRequest) {
  const [prompt, all] = [promptOf(request), JSON.stringify(request.messages)];
  const say = (content: unknown) => ({
    content: typeof content === 'string' ? content : JSON.stringify(content),
    usage: USAGE,
  });
  if (all.includes('You judge an answer')) {
    const isPolite = /Answer to judge:\n.*please/.test(prompt);
    return say({ reason: isPolite ? 'it says please' : 'it is curt', score: isPolite ? 0.9 : 0.2 });
  }
  const country = Object.keys(CAPITALS).find((name) => prompt.includes(name))!;
  const isKnown = all.includes('carefully') || Object.keys(CAPITALS).indexOf(country) % 2 === 0;
  return say(`${isKnown ? CAPITALS[country] : 'No idea'}${all.includes('politely') ? ', please' : ''}`);
}

let bed: TestBed;
let env: Record<string, string>;
beforeAll(async () => {
  bed = await testBed({ provider: await mockProvider(reply) });
  env = {
    ...bed.provider.env,
    TEMPORAL_ADDRESS: process.env.CADENZA_TEST_TEMPORAL_ADDRESS!,
    CADENZA_DATABASE_URL: bed.databaseUrl,
    CADENZA_TASK_QUEUE: bed.taskQueue,
  };
});
afterAll(async () => {
  await bed.close();
  rmSync(folder, { recursive: true, force: true });
});

const rows = Object.entries(CAPITALS).map(([country, capital]) => ({ country, capital }));
const file = (name: string, text: string) => {
  const at = path.join(folder, name);
  writeFileSync(at, text);
  return at;
};
const run = (args: string[], onStart?: (child: ChildProcess) => void) => cadenza(['eval', ...args], { env, onStart });

/** An evaluation of one prompt. @param ask what it is told beside the country */
const capitals = (name: string, ask: string, more: object = {}) => ({
  name,
  input: { prompt: `What is the capital of {{item.country}}? ${ask}` },
  policy: GPT,
  data: rows,
  scorers: [{ type: 'contains', expected: '{{item.capital}}' }],
  ...more,
});
const asked = (what: string) => bed.provider.asked(what);

test('the gate passes on one prompt and fails on a worse one, by a baseline in git, and says which rows got worse', async () => {
  const gate = { minScore: 0.4, notWorseThan: { baseline: 'kept.json' } };
  const data = file('rows.csv', ['country,capital', ...rows.map((row) => Object.values(row).join())].join('\n'));
  const kept = path.join(folder, 'kept.json');
  const good = file('good.yaml', stringify(capitals('gated', 'Think carefully.', { gate, data })));
  const first = await run([good, '--save-baseline', kept]);
  expect(first.stderr).toContain('10 of 10 rows');
  expect(first.stdout).toContain('1.00 (0.72–1.00)');
  expect(first.stdout).toMatch(/Gate failed\n {2}There is no baseline ".*kept\.json"\. Keep one/);
  expect(first.code).toBe(0);
  expect(JSON.parse(readFileSync(kept, 'utf8')).variants.default.rows).toHaveLength(10);
  expect(readFileSync(kept, 'utf8')).not.toContain('Lima');

  const passed = await run([good, '--gate']);
  expect(passed.stderr).not.toContain('failed');
  expect(passed.stdout).toMatch(/Gate passed/);
  expect(passed.code).toBe(0);
  // The same evaluation is the same runs.
  expect(asked('carefully')).toBe(10);

  const worse = file('worse.yaml', stringify(capitals('gated', 'Be quick.', { gate, data })));
  const files = ['--junit', path.join(folder, 'junit.xml'), '--markdown', path.join(folder, 'summary.md')];
  const failed = await run([worse, '--gate', ...files]);
  expect(failed.code).toBe(1);
  expect(failed.stderr).toContain('The gate failed.');
  expect(failed.stderr).toMatch(
    /default: worse than baseline kept\.json, by -0\.50 \(.*\) over 10 rows, 5 of them worse/,
  );
  expect(failed.stderr).toMatch(
    /row 4 \{"country":"Japan","capital":"Tokyo"\}: 1\.00 → 0\.00 · "No idea" · contains 0 \(lacks "Tokyo"\)/,
  );
  expect(failed.stdout).toMatch(/default against baseline kept\.json: worse.*0 better, 5 worse, McNemar p = 0\.063/);
  const junit = readFileSync(path.join(folder, 'junit.xml'), 'utf8');
  expect(junit).toContain('tests="10" failures="5"');
  expect(junit.match(/<failure/g)).toHaveLength(6);
  expect(readFileSync(path.join(folder, 'summary.md'), 'utf8')).toMatch(/\*\*Gate failed\*\*[\s\S]*\| default \|/);
});

test('variants stand side by side, judged, measured and compared, all of it in runs on the bill', async () => {
  const scorers = [
    { type: 'contains', expected: '{{item.capital}}', weight: 3 },
    { type: 'judge', name: 'polite', rubric: 'Is it polite?', policy: JUDGE, question: '{{item.country}}' },
    { type: 'similarity', expected: '{{item.capital}}', weight: 0 },
    { type: 'function', name: 'short', file: 'short.mjs', weight: 0 },
    { type: 'cost', maxUsd: 1, weight: 0 },
    { type: 'latency', maxMs: 60_000, weight: 0 },
  ];
  file('short.mjs', 'export default ({ text, item }) => ({ score: text.length < 12, reason: item.country });');
  const variants = {
    plain: { input: { prompt: 'Capital of {{item.country}}, carefully?' } },
    polite: { input: { system: 'Speak politely, and think carefully.', prompt: 'Capital of {{item.country}}?' } },
  };
  const at = file(
    'variants.yaml',
    stringify(capitals('side', '', { variants, scorers, gate: { notWorseThan: { variant: 'plain' } } })),
  );
  const { code, stdout, stderr } = await run([at, '--json', '--gate', '--save-baseline', 'side']);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  const report = JSON.parse(stdout) as EvaluationReport;
  const [plain, polite] = report.variants;
  expect(plain).toMatchObject({ variant: 'plain', models: [GPT], failed: 0, score: { mean: expect.closeTo(0.8) } });
  expect(plain!.scorers).toMatchObject({
    contains: { mean: 1 },
    polite: { mean: expect.closeTo(0.2) },
    cost: { mean: 1 },
  });
  expect(plain!.passRate.mean).toBe(0);
  expect(polite!.passRate.mean).toBe(1);
  expect(plain!.scorers.similarity!.mean).toBeCloseTo(1);
  expect(polite!.scorers.similarity!.mean).toBeLessThan(0.9);
  expect(polite!.rows[0]!.answers[0]!.scores.short).toEqual({ score: 0, reason: 'France' });
  expect(plain!.latencyMs!.mean).toBeGreaterThan(0);
  expect(report.comparisons).toMatchObject([
    { variant: 'polite', against: 'variant plain', better: 10, worse: 0, score: { mean: expect.closeTo(0.175) } },
  ]);
  expect(report.gate).toEqual({ passed: true, reasons: [] });
  // Equal answers are judged once a question; all prompts differ here.
  expect(asked('You judge an answer')).toBe(20);

  const shown = await bed.client.show(plain!.runs[0]!);
  expect(shown).toMatchObject({ pattern: 'map', promptHash: plain!.promptHash, metadata: { evaluation: 'side' } });
  const { runs } = await bed.client.list({ text: 'eval-side-' });
  const spent = runs.reduce((sum, { costUsd }) => sum + costUsd!, 0);
  expect(report.spentUsd).toBeCloseTo(spent, 12);
  expect(runs.map(({ pattern }) => pattern).sort()).toEqual(['embed', 'map', 'map', 'map']);
  expect(await bed.client.baselines.list()).toMatchObject([{ name: 'side', evaluation: 'side' }]);
});

const definition = (given: object) => given as EvaluationInput;

test('each repeat is asked anew, and a row counts once; fresh ones ask everything again', async () => {
  let n = 0;
  bed.provider.first(
    (request) => promptOf(request).includes('Roll'),
    () => ({ content: String(n++ % 2), usage: USAGE }),
  );
  const dice = definition({
    ...{ name: 'dice', input: { prompt: 'Roll {{item.die}}' }, policy: GPT, repeats: 4 },
    ...{ data: [{ die: 'a' }, { die: 'b' }], scorers: [{ type: 'exact', expected: '1' }] },
  });
  const report = await evaluate(bed.client, dice);
  expect(asked('Roll')).toBe(8);
  const [only] = report.variants;
  expect(only!.runs).toHaveLength(4);
  expect(only!.score).toMatchObject({ mean: 0.5, rows: 2 });
  expect(only!.rows[0]!.answers.map(({ repeat }) => repeat)).toEqual([1, 2, 3, 4]);

  expect((await evaluate(bed.client, dice)).variants).toEqual(report.variants);
  expect(asked('Roll')).toBe(8);
  await evaluate(bed.client, dice, { fresh: 'monday' });
  await evaluate(bed.client, dice, { fresh: 'monday' });
  expect(asked('Roll')).toBe(16);
  await evaluate(bed.client, { ...dice, scorers: [{ type: 'regex', pattern: '^[01]$' }] });
  expect(asked('Roll')).toBe(16);
});

test('rows that failed are zero and fail the gate; evaluated again they alone are asked again', async () => {
  let broken = true;
  bed.provider.first((request) => broken && promptOf(request).includes('Norway, frankly'), failWith(400, 'not today'));
  const frank = definition({
    ...capitals('frank', '', { gate: { minScore: 0.1 } }),
    input: { prompt: 'Capital of {{item.country}}, frankly and carefully?' },
  });
  const first = await evaluate(bed.client, frank);
  expect(first.gate).toEqual({ passed: false, reasons: ['default: 1 answer failed'] });
  expect(first.variants[0]!.rows[7]).toMatchObject({ score: 0, answers: [{ error: { type: 'InvalidRequest' } }] });

  broken = false;
  const { gate, variants } = await evaluate(bed.client, frank);
  expect(gate).toEqual({ passed: true, reasons: [] });
  expect(variants[0]!.score.mean).toBe(1);
  expect(variants[0]!.costUsd).toMatchObject({ mean: expect.closeTo(first.variants[0]!.rows[0]!.costUsd!, 9) });
  expect(asked('frankly')).toBe(10 + 1);
});

test('an evaluation whose process is killed, or stopped by Ctrl-C, goes on, and is found again: no row is asked twice', async () => {
  const held = Promise.withResolvers<void>();
  bed.provider.first(
    (request) => promptOf(request).includes('slowly'),
    async (request) => {
      if (asked('slowly') > 3) await held.promise;
      return { content: CAPITALS[/of (\w+)/.exec(promptOf(request))![1]!]!, usage: USAGE };
    },
  );
  const slow = definition(capitals('slow', 'Answer slowly.', { concurrency: 2 }));
  const at = file('slow.yaml', stringify(slow));
  let child: ChildProcess | undefined;
  const killed = run([at], (started) => {
    child = started;
  });
  await until(() => asked('slowly') >= 2 || undefined);
  child!.kill('SIGKILL');
  await killed;

  const stopped = run([at], (started) => {
    child = started;
    started.stderr!.once('data', () => started.kill('SIGINT'));
  });
  const { code, stderr } = await stopped;
  expect({ code, stderr }).toEqual({
    code: 130,
    stderr: expect.stringContaining('Its runs go on; the same command shows'),
  });

  held.resolve();
  const done = await evaluate(bed.client, slow);
  expect(done.variants[0]!.score.mean).toBe(1);
  expect(asked('slowly')).toBe(10);
});

test('a chain is evaluated too: each row a run of its own, with its cost and its time', async () => {
  const chain = definition({
    ...{
      name: 'steps',
      pattern: 'chain',
      data: rows.slice(0, 2),
      scorers: [{ type: 'contains', of: 'output', expected: '{{item.capital}}' }],
    },
    input: {
      input: '{{item}}',
      steps: [
        { id: 'a', prompt: 'Step on {{item.country}}, carefully', policy: GPT },
        { id: 'b', prompt: 'Again {{item.country}}, carefully', policy: GPT },
      ],
    },
  });
  const { variants, spentUsd } = await evaluate(bed.client, chain);
  expect(variants[0]).toMatchObject({ pattern: 'chain', failed: 0, score: { mean: 1 } });
  expect(variants[0]!.rows[0]!.latencyMs).toBeGreaterThan(0);
  expect(variants[0]!.costUsd!.mean * 2).toBeCloseTo(spentUsd, 12);
});

test('what people voted for in past comparisons is a data set', async () => {
  const compared = await bed.client.start('compare', {
    ...{ prompt: 'Capital of Cuba?', system: 'Think carefully.', models: [GPT, JUDGE] },
  });
  await compared.result();
  await bed.client.vote(compared.id, GPT, 'ann');
  const voted = definition({
    ...{ name: 'voted', data: { from: 'runs' }, scorers: ['exact'], policy: GPT },
    input: { prompt: '{{item.prompt}}', system: 'Now carefully.' },
  });
  const { variants } = await evaluate(bed.client, voted);
  expect(variants[0]!.rows).toMatchObject([
    { item: { run: compared.id, prompt: 'Capital of Cuba?', expected: 'Havana', model: GPT }, score: 1 },
  ]);
});

test('a tenant evaluates by itself: its runs are its own, and so are its baselines and the votes it sees', async () => {
  const acme = bed.client.as({ role: 'admin', tenant: 'acme' });
  const own = definition(capitals('own', 'Of our own, carefully.', { data: rows.slice(0, 2) }));
  const { variants } = await evaluate(acme, own);
  expect(variants[0]!.runs).toEqual([expect.stringMatching(/^acme:eval-own-/)]);
  expect(variants[0]!.score.mean).toBe(1);
  expect((await acme.list({})).runs.map(({ id }) => id)).toEqual(variants[0]!.runs);
  expect(await acme.baselines.list()).toEqual([]);
  await expect(evaluate(acme, { ...own, data: { from: 'runs' } })).rejects.toMatchObject({ code: 'NotFound' });
});

test('a budget holds over all runs of an evaluation', async () => {
  const dear = definition({ ...capitals('dear', 'Cheaply.', { budgetUsd: 1e-7 }) });
  const { variants, spentUsd } = await evaluate(bed.client, dear);
  expect(variants[0]!.failed).toBe(10);
  expect(spentUsd).toBe(0);
  expect(asked('Cheaply')).toBe(0);
});

const mistakes: [name: string, change: object, says: RegExp][] = [
  [
    'a field that no row has',
    { input: { prompt: '{{item.city}}' } },
    /input\.prompt: \{\{item\.city\}\} is used, but no row has a field "city"/,
  ],
  ['an expected field that no row has', { scorers: ['exact'] }, /scorers\[0\]\.expected: Row 1 has no item\.expected/],
  [
    'a pattern that does not compile',
    { scorers: [{ type: 'regex', pattern: '(' }] },
    /scorers\[0\]\.pattern: Invalid regular expression/,
  ],
  [
    'two scorers of one name',
    {
      scorers: [
        { type: 'cost', maxUsd: 1 },
        { type: 'cost', maxUsd: 2 },
      ],
    },
    /Two scorers are called "cost"/,
  ],
  [
    'a module that is not there',
    { scorers: [{ type: 'function', file: 'gone.mjs' }] },
    /"function" names ".*gone\.mjs", which is not there/,
  ],
  ['a gate of no scorer', { gate: { scorers: { exact: 1 } } }, /There is no scorer "exact". Known: contains/],
  ['a file that is not there', { data: 'gone.csv' }, /There is no file ".*gone\.csv"/],
  ['an unknown model', { policy: 'openai/gpt-none' }, /gpt-none/],
];
test.each(mistakes)('%s is told before anything starts', async (_, change, says) => {
  const before = bed.provider.requests().length;
  const evaluated = async () => evaluate(bed.client, definition(capitals('wrong', 'Once.', change)), { folder });
  const error = await evaluated().catch((thrown: Error) => thrown);
  expect((error as Error).message).toMatch(says);
  if (error instanceof CadenzaError) expect(error.code).toBe('InvalidRequest');
  expect(bed.provider.requests()).toHaveLength(before);
});

test('what has no gate ends with 2 and says so, and so does what is no YAML', async () => {
  const ungated = await run([file('no-gate.yaml', stringify(capitals('none', 'Never.'))), '--gate']);
  expect(ungated).toMatchObject({ code: 2, stderr: expect.stringContaining('has no gate') });
  expect(() => readEvaluation('name: x\nscorers: [\n', 'broken.yaml')).toThrow('broken.yaml is not YAML');
});
