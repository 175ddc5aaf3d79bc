import { once } from 'node:events';
import { createRequire } from 'node:module';
import threads from 'node:worker_threads';
import { expect, test } from '@jest/globals';
import { withQuickThreads } from '../../src/workers/quick-threads.ts';

const sdk = createRequire(createRequire(import.meta.url).resolve('@temporalio/worker'));

test('a workflow thread starts where the process was given flags of V8’s, which no thread takes', async () => {
  const given = process.execArgv;
  process.execArgv = [...given, '--max-old-space-size=4096'];
  const thread = await withQuickThreads(
    async () => new threads.Worker(sdk.resolve('./workflow/workflow-worker-thread')),
  );
  process.execArgv = given;
  thread.postMessage({ requestId: 7n, input: { type: 'destroy' } });
  const [answer] = await once(thread, 'message');
  expect(answer).toMatchObject({ requestId: 7n, result: { type: 'ok' } });
  await thread.terminate();
});
