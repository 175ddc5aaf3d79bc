import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Cadenza, connect } from '../../src/client/index.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';

const KEYLESS = 'openai/gpt-6-sol';
const KEYED = 'anthropic/claude-sonnet-5-5';

/** Its worker has the key of one provider. */
let bed: TestBed;
/** Of a process that has none. */
let elsewhere: Cadenza;
beforeAll(async () => {
  bed = await testBed({ env: { OPENAI_API_KEY: '' } });
  const env = { TEMPORAL_ADDRESS: process.env.CADENZA_TEST_TEMPORAL_ADDRESS };
  elsewhere = await connect({ databaseUrl: bed.databaseUrl, taskQueue: bed.taskQueue, env, config: bed.config });
});
afterAll(async () => {
  await elsewhere.close();
  await bed.close();
});

test.each([{}, { batch: true }, { background: true }])(
  'a candidate without a key is passed over for the next: %j',
  async (how) => {
    const policy = { candidates: [KEYLESS, KEYED], maxAttempts: 1, cache: false as const, ...how };
    const run = await bed.client.start('ask', { prompt: 'Why do rivers bend?', policy });
    expect(await run.result()).toMatchObject({ model: KEYED });
    expect((await bed.eventsOf(run.id)).find(({ type }) => type === 'call.fallback')).toMatchObject({
      from: KEYLESS,
      error: { type: 'AuthenticationFailed' },
    });
  },
);

test('a start is refused where no candidate has a key and the worker is here', async () => {
  const policy = { candidates: [KEYLESS, 'openai/gpt-6-luna'] };
  await expect(bed.client.start('ask', { prompt: 'Why?', policy })).rejects.toMatchObject({
    error: { type: 'AuthenticationFailed', path: 'input.policy.candidates[0]', hint: expect.stringContaining('Set') },
  });
});

test('who starts runs of workers elsewhere needs no keys: only what no worker knows is refused', async () => {
  const asked = await elsewhere.start('ask', { prompt: 'Why?', policy: KEYED });
  expect(await asked.result()).toMatchObject({ model: KEYED });
  const compared = await elsewhere.start('compare', { prompt: 'Why?', models: [KEYED, 'sandbox/gpt'] });
  expect((await compared.result()).answers).toMatchObject([{ model: KEYED }, { model: 'sandbox/gpt' }]);
  const forked = await elsewhere.fork(compared.id, { fromStep: KEYED, overrides: { policy: KEYED } });
  expect('id' in forked && (await forked.result())).toBeTruthy();
  await expect(elsewhere.start('ask', { prompt: 'Why?', policy: 'nobody/x' })).rejects.toMatchObject({
    code: 'InvalidRequest',
    error: { message: expect.stringContaining('No provider named "nobody"') },
  });
});

test('what no worker has a key for ends with that error, whatever is asked', async () => {
  const asked = await elsewhere.start('ask', { prompt: 'Why?', policy: KEYLESS });
  const embedded = await elsewhere.start('embed', { model: 'openai/text-embedding-3-small', texts: ['river'] });
  for (const run of [asked, embedded]) {
    await expect(run.result()).rejects.toMatchObject({
      error: { type: 'AuthenticationFailed', message: expect.stringContaining('OPENAI_API_KEY') },
    });
  }
});
