import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { notesOf } from '../../src/cli/views/map-progress.ts';
import { failWith, promptOf } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { cadenza } from './command-line.ts';

let bed: TestBed;
let folder: string;
beforeAll(async () => {
  bed = await testBed();
  folder = await mkdtemp(path.join(os.tmpdir(), 'cadenza-map-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await bed.close();
});

const targetEnv = () => ({
  CADENZA_DATABASE_URL: bed.databaseUrl,
  TEMPORAL_ADDRESS: process.env.CADENZA_TEST_TEMPORAL_ADDRESS!,
});
const template = '{"prompt":"Greet {{item.name}}"}';
const run = (...args: string[]) =>
  cadenza(['map', ...args], {
    env: {
      ...bed.provider.env,
      CADENZA_DATABASE_URL: bed.databaseUrl,
      TEMPORAL_ADDRESS: process.env.CADENZA_TEST_TEMPORAL_ADDRESS!,
      CADENZA_TASK_QUEUE: bed.taskQueue,
    },
  });
const file = async (name: string, text: string) => {
  const at = path.join(folder, name);
  await writeFile(at, text);
  return at;
};
const linesOf = async (at: string) =>
  (await readFile(at, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

test('a file is mapped; rows that fail are told, are no success, and are run alone after', async () => {
  let broken = true;
  bed.provider.first((request) => broken && promptOf(request).includes('Bob'), failWith(400, 'no Bobs'));
  const data = await file('people.csv', 'name\nAda\nBob\nEve\n');
  const out = path.join(folder, 'greetings.jsonl');
  const first = await run(
    'ask',
    '--data',
    data,
    '--out',
    out,
    '--input',
    template,
    '--policy',
    'openai/gpt-6-sol',
    '--id',
    'people',
  );
  expect(first.stdout).toMatch(/2 rows done, 1 failed · \$0\.\d+ · .*greetings\.jsonl/);
  expect(first.stderr).toMatch(
    /1 row failed\.\n {2}row 2: InvalidRequest, .*\n {2}Run them alone with: cadenza map --retry-failed people/,
  );
  expect(first.code).toBe(1);
  expect(await linesOf(out)).toMatchObject([
    { row: 1, input: { name: 'Ada' }, status: 'done', answer: { text: 'answer to: Greet Ada' } },
    { row: 2, input: { name: 'Bob' }, status: 'failed', error: { status: 400 } },
    { row: 3, status: 'done' },
  ]);

  broken = false;
  const again = await run('--retry-failed', 'people', '--out', out, '--json');
  expect(again.stderr).toBe('');
  expect(again.code).toBe(0);
  expect(JSON.parse(again.stdout)).toMatchObject({ done: 3, failed: 0, out });
  expect((await linesOf(out)).map(({ status }) => status)).toEqual(['done', 'done', 'done']);
  expect(bed.provider.asked('Ada')).toBe(1);
});

test('without a file for them, the results are the output', async () => {
  const data = await file('inputs.jsonl', '{"prompt":"One?"}\n{"prompt":"Two?"}\n');
  const args = ['ask', '--data', data, '--policy', 'openai/gpt-6-sol', '--id', 'two'];
  const { code, stdout } = await run(...args);
  expect(code).toBe(0);
  const lines = stdout.trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line).answer.text)).toEqual(['answer to: One?', 'answer to: Two?']);

  const json = (await run(...args, '--json')).stdout.trimEnd().split('\n');
  expect(json.slice(0, -1)).toEqual(lines);
  expect(JSON.parse(json.at(-1)!)).toMatchObject({ id: 'two', done: 2, failed: 0 });
});

test('rows that could not be written are told with the id of their run, and how to have them again', async () => {
  const data = await file('full.jsonl', '{"prompt":"Full?"}\n');
  const first = ['ask', '--data', data, '--policy', 'openai/gpt-6-sol', '--id', 'full', '--out', '/dev/full', '--json'];
  const { code, stdout, stderr } = await run(...first);
  expect([code, JSON.parse(stdout)]).toEqual([1, expect.objectContaining({ id: 'full', done: 1 })]);
  expect(JSON.parse(stderr).error).toMatchObject({
    message: 'The rows of full could not be written to /dev/full (ENOSPC).',
    hint: expect.stringContaining('cadenza map --resume full --out <file>'),
  });

  const out = path.join(folder, 'full-again.jsonl');
  expect(await run('--resume', 'full', '--out', out)).toMatchObject({ code: 0 });
  expect(await linesOf(out)).toMatchObject([{ answer: { text: 'answer to: Full?' } }]);
  expect(bed.provider.asked('Full?')).toBe(1);
});

test('an id is that of one run: it is told where it was there already, and refused where it is another’s', async () => {
  const policy = { candidates: ['openai/gpt-6-sol'] };
  const cli = (...args: string[]) =>
    cadenza(args, { env: { ...bed.provider.env, ...targetEnv(), CADENZA_TASK_QUEUE: bed.taskQueue } });
  const asked = await bed.client.start('ask', { prompt: 'One?', policy }, { id: 'one-of-all' });
  await asked.result();
  const chain = { steps: [{ id: 'a', prompt: 'First?', policy }] };
  await (await bed.client.start('chain', chain, { id: 'forked' })).result();
  const compare = (id: string) => cli('compare', 'Two?', '--models', 'openai/gpt-6-sol', '--id', id, '--json');
  const fork = (id: string, ...more: string[]) => cli('fork', 'forked', '--from', 'a', '--id', id, ...more);

  expect(await compare('side-by-side')).toMatchObject({ code: 0, stderr: '' });
  expect(await compare('side-by-side')).toMatchObject({
    code: 0,
    stderr: 'The run side-by-side was there already; this is it.\n',
  });
  expect(await fork('fork')).toMatchObject({ code: 0, stdout: expect.stringContaining('fork is under way') });
  expect(await fork('fork')).toMatchObject({ code: 0, stderr: 'The run fork was there already; this is it.\n' });

  const data = await file('taken.jsonl', '{"prompt":"Three?"}\n');
  const others = [
    ['chain', cli('run', 'chain', '--input', JSON.stringify(chain), '--id', 'one-of-all')],
    ['compare', compare('one-of-all')],
    ['map', run('ask', '--data', data, '--policy', 'openai/gpt-6-sol', '--id', 'one-of-all')],
    ['fork', fork('one-of-all')],
  ] as const;
  for (const [name, ended] of others) {
    const { code, stdout, stderr } = await ended;
    expect({ name, code, stdout, stderr }).toEqual({
      ...{ name, code: 1, stdout: '' },
      stderr: expect.stringMatching(/The id .+ is taken by .*Choose another id/s),
    });
  }
});

test('a map that was stopped is gone on with by its id alone', async () => {
  const pace = { streamingProfile: { ttft: 200 } };
  bed.provider.first(
    (request) => promptOf(request).includes('slow'),
    () => ({ content: 'at last' }),
    pace,
  );
  const items = Array.from({ length: 30 }, (_, n) => ({ name: `slow${n}.` }));
  const policy = { candidates: ['openai/gpt-6-sol'] };
  const input = { prompt: 'Greet {{item.name}}' };
  const map = await bed.client.start('map', { pattern: 'ask', items, input, policy, concurrency: 3 });
  for await (const event of map.events()) if (event.type === 'map.progress' && event.done > 2) break;
  await bed.client.cancel(map.id);
  await expect(map.result()).rejects.toMatchObject({ code: 'RunCancelled' });

  const out = path.join(folder, 'slow.jsonl');
  const { code, stderr } = await run('--resume', map.id, '--out', out);
  expect([code, stderr]).toEqual([0, expect.stringContaining('30 of 30 rows')]);
  expect(await linesOf(out)).toHaveLength(30);
  // Three calls were in flight when it was stopped.
  expect(bed.provider.asked('slow')).toBeLessThanOrEqual(30 + 3);
});

const bad: [name: string, args: string[], says: RegExp][] = [
  ['no data', ['ask'], /Name a pattern and --data/],
  ['a file that is not there', ['ask', '--data', 'nowhere.csv'], /There is no file "nowhere.csv"/],
  ['resume and retry at once', ['--resume', 'a', '--retry-failed', 'b'], /do not go together/],
  ['data for an earlier map', ['--resume', 'a', '--data', 'x.csv'], /leave them out/],
  ['no rows at once', ['ask', '--data', 'x', '--concurrency', '0'], /--concurrency 0/],
];

test.each(bad)('%s is told before anything starts', async (_name, args, says) => {
  const { code, stderr } = await run(...args);
  expect(stderr).toMatch(says);
  expect(code).toBe(2);
});

test('a bad line of the file is named before anything starts', async () => {
  const data = await file('bad.jsonl', '{"name":"Ada"}\n{"name":\n');
  const { code, stderr } = await run('ask', '--data', data, '--input', template, '--id', 'never');
  expect(stderr).toMatch(/Line 2 is not JSON/);
  expect(code).toBe(2);
  await expect(bed.client.show('never')).rejects.toMatchObject({ code: 'NotFound' });
});

test('beside the bar stand the failed rows, the cost, and what is left of time and money', () => {
  const progress = { done: 40, failed: 2, total: 100, costUsd: 0.42, secondsLeft: 90, usdLeft: 0.58 };
  expect(notesOf(progress)).toBe(' · 2 failed · $0.4200 · about 1 min 30 s and $0.5800 left');
  expect(notesOf({ ...progress, failed: 0, secondsLeft: null, usdLeft: null })).toBe(' · $0.4200');
});
