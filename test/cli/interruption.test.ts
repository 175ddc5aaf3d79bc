import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { promptOf } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { until } from '../setup/until.ts';

const MAIN = path.resolve(import.meta.dirname, '../../bin/cadenza.mjs');

let bed: TestBed;
let release: () => void;
const asked: string[] = [];
const started: ChildProcess[] = [];
beforeAll(async () => {
  bed = await testBed();
  const { promise, resolve } = Promise.withResolvers<void>();
  release = resolve;
  bed.provider.first(
    (request) => promptOf(request).includes('for ever'),
    (request) => {
      asked.push(promptOf(request));
      return promise.then(() => ({ content: 'at last' }));
    },
  );
});
afterAll(async () => {
  release();
  for (const child of started) child.kill('SIGKILL');
  await bed.close();
});

function start(command: string, args: string[]) {
  const env = {
    ...bed.env,
    ...{ TEMPORAL_ADDRESS: process.env.CADENZA_TEST_TEMPORAL_ADDRESS!, CADENZA_DATABASE_URL: bed.databaseUrl },
    ...{ CADENZA_TASK_QUEUE: bed.taskQueue, NODE_OPTIONS: '', TERM: 'xterm' },
  };
  const child = spawn(command, args, { env });
  started.push(child);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      said += data.toString();
    });
  }
  const closed = once(child, 'close') as Promise<[number | null]>;
  return { child, said: () => said, ended: closed.then(([code]) => ({ code, said })) };
}

const policy = '{"candidates":["openai/gpt-6-sol"]}';
const CTRL_C = '\u0003';
const waited: [how: string, args: string[], keys: string][] = [
  ['Ctrl-C', [], CTRL_C],
  ['Ctrl-C, with --json,', ['--json'], CTRL_C],
  // As npm and npx pass on what the terminal has sent already.
  ['Ctrl-C that comes twice', [], CTRL_C + CTRL_C],
];

// util-linux has the command that gives a program a terminal.
const onLinux = process.platform === 'linux' ? test.each(waited) : test.skip.each(waited);
onLinux('%s in a terminal leaves a run that is waited for, and says its id', async (_how, flags, keys) => {
  const id = `waited-${flags.length}-${keys.length}`;
  const run = ['run', 'ask', '--id', id, '--input', `{"prompt":"${id} for ever","policy":${policy}}`, ...flags];
  const quoted = [process.execPath, MAIN, ...run].map((arg) => `'${arg}'`).join(' ');
  const { child, said, ended } = start('script', ['-qefc', quoted, '/dev/null']);
  // What the spinner shows.
  await until(() => said().includes('gpt-6-sol') || undefined);
  child.stdin!.write(keys);
  expect(await ended).toEqual({ code: 130, said: expect.stringContaining(`cadenza watch ${id}`) });
  expect(await bed.client.show(id)).toMatchObject({ status: 'running' });
});

test.each([[[]], [['--json']]])('the first Ctrl-C ends a chat %j that awaits an answer', async (flags) => {
  const id = `talk-${flags.length}`;
  const { child, ended } = start(process.execPath, [MAIN, 'chat', id, '--policy', 'openai/gpt-6-sol', ...flags]);
  child.stdin!.write(`${id} for ever\n`);
  await until(() => asked.includes(`${id} for ever`) || undefined);
  child.kill('SIGINT');
  expect(await ended).toEqual({ code: 130, said: expect.stringContaining(`cadenza chat ${id}`) });
});
