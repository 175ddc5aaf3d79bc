import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { cadenza } from './command-line.ts';

const EXAMPLE = path.resolve(import.meta.dirname, '../../examples/conversation');

let bed: TestBed;
let env: Record<string, string>;
beforeAll(async () => {
  bed = await testBed();
  env = {
    ...bed.provider.env,
    TEMPORAL_ADDRESS: process.env.CADENZA_TEST_TEMPORAL_ADDRESS!,
    CADENZA_DATABASE_URL: bed.databaseUrl,
    CADENZA_TASK_QUEUE: bed.taskQueue,
  };
});
afterAll(() => bed.close());

const MODEL = ['--policy', 'openai/gpt-6-sol'];

test('each line is a message, its answer is printed, and the talk can be come back to', async () => {
  const id = `talk-${randomUUID()}`;
  const first = await cadenza(['chat', id, ...MODEL], { env, stdin: 'who are you\n\nand why\n' });
  expect(first).toMatchObject({ code: 0, stdout: 'answer to: who are you\nanswer to: and why\n' });
  expect(first.stderr).toContain(`The conversation goes on: cadenza chat ${id}`);

  const second = await cadenza(['chat', id, '--json'], { env, stdin: 'still there\n/end\n' });
  expect(second.code).toBe(0);
  expect(JSON.parse(second.stdout)).toMatchObject({ text: 'answer to: still there', model: 'openai/gpt-6-sol' });
  expect(second.stderr).toContain(`Conversation ${id}, where it was left.`);
  expect(await bed.client.result(id)).toEqual({ turns: 3 });

  const third = await cadenza(['chat', id], { env, stdin: 'hello\n' });
  expect(third).toMatchObject({ code: 1, stdout: '' });
  expect(third.stderr).toContain(`The conversation "${id}" has ended`);
});

test('a message that is not answered ends the command without success, and not the conversation', async () => {
  const id = `talk-${randomUUID()}`;
  await bed.client.start('conversation', { policy: { candidates: ['openai/gpt-6-sol'], maxAttempts: 1 } }, { id });
  bed.provider.first(
    (request) => JSON.stringify(request.messages).includes('forbidden'),
    () => ({ status: 401, error: { message: 'no', type: 'invalid_request_error' } }),
  );
  const refused = await cadenza(['chat', id], { env, stdin: 'forbidden\nnever sent\n' });
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(await bed.client.send(id, 'allowed')).toMatchObject({ text: 'answer to: allowed' });
});

test('the example talks, and ends', async () => {
  const id = `walk-${randomUUID()}`;
  const stdin = await readFile(path.join(EXAMPLE, 'messages.txt'), 'utf8');
  const { code, stdout, stderr } = await cadenza(['chat', id, '--input', path.join(EXAMPLE, 'input.json')], {
    env,
    stdin,
  });
  expect({ code, ended: stderr.includes('has ended') }).toEqual({ code: 0, ended: true });
  expect(stdout.match(/sandbox\/gpt/g)!.length).toBeGreaterThanOrEqual(3);
  expect(await bed.client.result(id)).toEqual({ turns: 3 });
});
