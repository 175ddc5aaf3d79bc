import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createKeys } from '../../src/client/keys.ts';
import { type FreshStore, freshStore } from '../store/fresh-store.ts';
import { cadenza } from './command-line.ts';

let fresh: FreshStore;
beforeAll(async () => {
  fresh = await freshStore();
});
afterAll(() => fresh.drop());

const keys = (...args: string[]) =>
  cadenza(['keys', ...args], { env: { TEMPORAL_ADDRESS: '127.0.0.1:1', CADENZA_DATABASE_URL: fresh.url } });

test('keys are made, rotated, listed and revoked; only a secret stands on stdout, and only once', async () => {
  const { verify } = createKeys(fresh.store).of();
  const made = await keys(
    'create',
    'ci',
    '--tenant',
    'acme',
    '--models',
    'openai/*,fast',
    '--rpm',
    '60',
    '--budget',
    '20',
  );
  expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^cdz_[\w-]{43}\n$/) });
  const limits = { models: ['openai/*', 'fast'], requestsPerMinute: 60 };
  expect(await verify(made.stdout.trim())).toEqual({ role: 'caller', key: 'acme:ci', tenant: 'acme', ...limits });

  const rotated = JSON.parse((await keys('rotate', 'acme:ci', '--json')).stdout);
  expect(await verify(rotated.secret)).toMatchObject({ key: 'acme:ci' });
  const { stdout } = await keys('list');
  expect(stdout).toMatch(/acme:ci +caller +models openai\/\*, fast; 60\/min; \$20\.00 +\$0 +holds/);
  expect(stdout).not.toContain(rotated.secret);

  expect(JSON.parse((await keys('revoke', 'acme:ci', '--json')).stdout)).toMatchObject({
    revokedAt: expect.any(String),
  });
  expect(await createKeys(fresh.store).of().verify(rotated.secret)).toBeUndefined();
  expect(await keys('rotate', 'acme:ci')).toMatchObject({ code: 1, stderr: expect.stringContaining('No key named') });
});
