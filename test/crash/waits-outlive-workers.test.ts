import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type RunningWorker, startWorker } from '../../src/workers/index.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { testLog } from '../setup/test-log.ts';

let bed: TestBed;
let second: RunningWorker | undefined;
beforeAll(async () => {
  bed = await testBed();
});
afterAll(async () => {
  await second?.drain();
  await bed.close();
});

test('Retry-After is waited for by Temporal: the worker may be replaced meanwhile', async () => {
  let limited = true;
  bed.provider.first(
    (request) => JSON.stringify(request.messages).includes('not yet') && limited,
    () => {
      limited = false;
      return { status: 429, retryAfter: 3, error: { message: 'slow down' } };
    },
  );
  const policy = { candidates: ['anthropic/claude-sonnet-5-5'] };
  const run = await bed.client.start('ask', { prompt: 'not yet', policy });
  for await (const event of run.events()) if (event.type === 'call.retrying') break;
  await bed.drain();

  const { databaseUrl, config, env, taskQueue } = bed;
  const temporalAddress = process.env.CADENZA_TEST_TEMPORAL_ADDRESS!;
  second = await startWorker({
    temporalAddress,
    namespace: 'default',
    databaseUrl,
    config,
    env,
    log: testLog().log,
    taskQueue,
  });
  expect(await second.client.result(run.id)).toMatchObject({ text: 'answer to: not yet' });

  const events = await Array.fromAsync(second.client.events(run.id));
  const [retrying, completed] = ['call.retrying', 'call.completed'].map(
    (type) => events.find((event) => event.type === type)!,
  );
  const waited = Date.parse(completed!.at) - Date.parse(retrying!.at);
  expect(waited).toBeGreaterThanOrEqual(2_900);
  expect(bed.provider.asked('not yet')).toBe(2);
});
