import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createKeys } from '../../src/client/keys.ts';
import { type FreshStore, freshStore, query } from '../store/fresh-store.ts';
import { cadenza } from './command-line.ts';

let fresh: FreshStore;
beforeAll(async () => {
  fresh = await freshStore();
});
afterAll(() => fresh.drop());

const keys = (...args: string[]) =>
  cadenza(['keys', ...args], { env: { TEMPORAL_ADDRESS: '127.0.0.1:1', CADENZA_DATABASE_URL: fresh.url } });

test('keys are made, rotated, listed and revoked; only a secret stands on stdout, and only once', async () => {
  const { verify } = createKeys(fresh.store).of({ role: 'admin' });
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
  expect(await createKeys(fresh.store).of({ role: 'admin' }).verify(rotated.secret)).toBeUndefined();
  expect(await keys('rotate', 'acme:ci')).toMatchObject({ code: 1, stderr: expect.stringContaining('No key named') });
});

test('a key that would not hold for a moment is not made', async () => {
  const refused = await keys('create', 'brief', '--expires', '0 days');
  expect(refused).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('a duration above 0') });
});

test('the audit log has who did so, before it was done and where it was refused, and nobody changes it', async () => {
  const { stdout } = await cadenza(['audit', '--subject', 'key:acme:ci', '--json'], {
    env: { TEMPORAL_ADDRESS: '127.0.0.1:1', CADENZA_DATABASE_URL: fresh.url },
  });
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.map(({ action, refused }) => [action, refused])).toEqual([
    ['key.rotate', 'NotFound'],
    ['key.rotate', undefined],
    ['key.revoke', undefined],
    ['key.rotate', undefined],
    ['key.create', undefined],
  ]);
  expect(lines.at(-1)).toMatchObject({
    ...{ actor: expect.stringMatching(/^user:.+@.+/), via: 'cli', role: 'admin', tenant: 'acme' },
    details: { role: 'caller', budgetUsd: 20, requestsPerMinute: 60 },
  });
  await expect(query(fresh.url, "update audit set actor = 'key:somebody-else'")).rejects.toThrow('are not changed');
});
