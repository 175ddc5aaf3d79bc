import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { cadenza } from './command-line.ts';

const CHAIN = '{"steps":[{"id":"a","prompt":"Why?"}]}';

const mistakes: [args: string[], said: string][] = [
  [[], 'Usage: cadenza'],
  [['rnu'], "unknown command 'rnu'"],
  [['run', '--input', '{}'], "missing required argument 'pattern'"],
  [['run', 'ask'], '--input'],
  [['run', 'ask', '--input', '{}', '--colour'], '--colour'],
  [['run', 'ask', '--input', '{"prompt": oops}'], 'line 1, column 12'],
  [['run', 'ask', '--input', '{"prompt":\n "a",\n "b" 2}'], 'line 3, column 6'],
  [['run', 'ask', '--input', '{"prompt": "a"'], 'line 1, column 15'],
  [['run', 'ask', '--input', 'nowhere.json'], 'There is no file "nowhere.json"'],
  [['run', 'ask', '--input', '{"prompt":"a"}', '--budget', '-1'], '--budget -1'],
  [['run', 'ask', '--input', '["a"]', '--policy', 'fast'], '--policy'],
  [['compare', 'Why?'], '--models'],
  [['watch', 'r1', '--after', 'x'], '--after x'],
  [['runs', '--limit', '0'], '--limit'],
  [['runs', '--status', 'asleep'], '--status'],
  [['gateway', '--port', '99999'], '--port 99999'],
  [['tool-result', 'r1', 'call_1', '--result', 'nowhere.json'], '--result takes JSON'],
  [['map', 'ask', '--data', '/tmp'], 'it is a folder'],
  [['eval', '/tmp'], 'it is a folder'],
  [['map', 'ask', '--data', '/dev/null', '--out', '/nosuch/x.jsonl'], 'there is no folder /nosuch'],
  [['eval', '/dev/null', '--junit', '/dev/null/x.xml'], '--junit: /dev/null/x.xml cannot be written'],
  [['init', 'mine'], 'npm pack'],
];

test.each(mistakes)('cadenza %j ends with 2 and says what is wrong, without a stack trace', async (args, said) => {
  const { code, stdout, stderr } = await cadenza(args);
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toContain(said);
  expect(stderr).not.toMatch(/^\s+at /m);
});

test('JSON from stdin that is not JSON is refused with its place', async () => {
  const { code, stderr } = await cadenza(['run', 'ask', '--input', '-'], { stdin: '{"prompt":' });
  expect(code).toBe(2);
  expect(stderr).toContain('stdin is not JSON: there is a mistake at line 1, column 11');
});

test('with --json an error is one JSON object on stderr', async () => {
  const { code, stdout, stderr } = await cadenza(['run', 'ask', '--json', '--input', '{"a" 1}']);
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(JSON.parse(stderr)).toEqual({
    error: { type: 'InvalidRequest', message: expect.stringContaining('column 6'), hint: expect.any(String) },
  });
});

test.each([[['--json']], [['keys', '--json']], [['schedule', '--json']], [['crew', '--json']]])(
  'cadenza %j names no command, and is told so in JSON alone',
  async (args) => {
    const { code, stdout, stderr } = await cadenza(args);
    expect({ code, stdout, ...JSON.parse(stderr) }).toEqual({
      ...{ code: 2, stdout: '' },
      error: { type: 'InvalidRequest', message: 'No command is named.', hint: expect.any(String) },
    });
  },
);

test('output that a full disk does not take is no success', async () => {
  const { code, stderr } = await cadenza(['graph', '--input', CHAIN], { stdout: '/dev/full' });
  expect([code, stderr]).toEqual([1, expect.stringContaining('The output could not be written: ENOSPC')]);
});

test('a file of JSON may begin with a byte order mark', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'cadenza-mark-'));
  const file = path.join(folder, 'chain.json');
  writeFileSync(file, `\uFEFF${CHAIN}`);
  expect(await cadenza(['graph', '--input', file])).toMatchObject({ code: 0, stderr: '' });
  rmSync(folder, { recursive: true });
});

const needRunning = [
  ...['1', 'true', 'null', '-0.5'].map((result) => ['tool-result', 'r1', 'call_1', '--result', result]),
  ['run', 'ask', '--input', '{"prompt":"a"}'],
  ['watch', 'r1'],
  ['runs'],
  ['compare', 'Why?', '--models', 'sandbox/gpt'],
  ['cancel', 'r1'],
  ['bill', 'r1'],
  ['worker'],
  ['gateway'],
  ['serve'],
];

test.each(needRunning.map((args) => [args]))(
  'cadenza %j ends with 1 where nothing runs, and says how to start',
  async (args) => {
    const { code, stdout, stderr } = await cadenza(args);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr.trim()).toBe(
      '✗ Nothing is running here. Start it with npm start (or set TEMPORAL_ADDRESS and CADENZA_DATABASE_URL).',
    );
  },
);

test('an environment variable that is no port is named', async () => {
  const { code, stderr } = await cadenza(['runs'], { env: { CADENZA_PORT: 'door' } });
  expect(code).toBe(1);
  expect(stderr).toContain('CADENZA_PORT');
});

test.each([['--help'], ['run', '--help'], ['compare', '--help'], ['--version']])(
  'cadenza %s %s ends with 0',
  async (...args) => {
    const { code, stdout, stderr } = await cadenza(args);
    expect(code).toBe(0);
    expect(stdout).not.toBe('');
    expect(stderr).toBe('');
  },
);

test.each(['run', 'watch', 'runs', 'compare', 'cancel', 'bill', 'doctor', 'dev', 'worker', 'gateway'])(
  'the help of %s has an example and --json',
  async (command) => {
    const { stdout } = await cadenza([command, '--help']);
    expect(stdout).toMatch(/Examples?:\n {2}\$ /);
    expect(stdout).toContain('--json');
  },
);
