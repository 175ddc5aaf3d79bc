import { expect, test } from '@jest/globals';
import { deploymentOf, encryptionKeys, parseConfig, readEnvironment } from '../../src/config/index.ts';

test('API keys are listed with commas', () => {
  expect(readEnvironment({ CADENZA_API_KEYS: ' one , two,' }).apiKeys).toEqual(['one', 'two']);
  expect(readEnvironment({}).apiKeys).toEqual([]);
});

test.each(['', ' , ', ',', '  '])('a list of API keys without a key, %j, is no invitation to everybody', (keys) => {
  expect(() => readEnvironment({ CADENZA_API_KEYS: keys })).toThrow(
    /CADENZA_API_KEYS is not usable: It holds no key\. .*unset/,
  );
});

test('a word for when the embedded Temporal waits for the disk that is none is refused', () => {
  expect(readEnvironment({}).temporalSync).toBe('normal');
  expect(readEnvironment({ CADENZA_TEMPORAL_SYNC: 'full' }).temporalSync).toBe('full');
  expect(() => readEnvironment({ CADENZA_TEMPORAL_SYNC: 'off' })).toThrow(/CADENZA_TEMPORAL_SYNC is not usable/);
});

test('a build is one of "cadenza" unless a deployment is named; a deployment without a build is no build', () => {
  const deployment = (env: NodeJS.ProcessEnv) => deploymentOf(readEnvironment(env));
  expect(deployment({})).toBeUndefined();
  expect(deployment({ CADENZA_BUILD: '2026-11-29.1' })).toEqual({ name: 'cadenza', build: '2026-11-29.1' });
  expect(deployment({ CADENZA_DEPLOYMENT: 'press', CADENZA_BUILD: '7' })).toEqual({ name: 'press', build: '7' });
  expect(() => deployment({ CADENZA_DEPLOYMENT: 'press' })).toThrow(/CADENZA_BUILD must say which build/);
  expect(() => readEnvironment({ CADENZA_BUILD: 'a b' })).toThrow(/CADENZA_BUILD is not usable/);
});

const key = Buffer.alloc(32, 1).toString('base64');

test.each([
  ['short:AAAA', 'The key "short" has 3 bytes, and AES-256 takes 32'],
  [`one:${key},one:${key}`, 'There are two keys "one"'],
  [key, 'Key 1 has no id'],
  ['one:not base64!', 'The key "one" is not base64'],
])('keys that cannot be used are an error that says which, and shows none: %s', async (keys, problem) => {
  const read = encryptionKeys({ CADENZA_ENCRYPTION_KEYS: keys }, parseConfig({}));
  const error = await read.catch((thrown: Error) => thrown.message);
  expect(error).toContain(problem);
  expect(error).not.toContain(key.slice(0, 12));
});

test('the key that seals is the first, or the one that is named; data keys of a KMS are unwrapped', async () => {
  const env = { CADENZA_ENCRYPTION_KEYS: `one:${key},two:${key}` };
  expect(await encryptionKeys(env, parseConfig({}))).toMatchObject({
    current: 'one',
    keys: [{ id: 'one' }, { id: 'two' }],
  });
  const named = { ...env, CADENZA_ENCRYPTION_KEY_ID: 'two' };
  expect(await encryptionKeys(named, parseConfig({}))).toMatchObject({ current: 'two' });
  await expect(encryptionKeys({ ...env, CADENZA_ENCRYPTION_KEY_ID: 'three' }, parseConfig({}))).rejects.toThrow(
    'No key "three"',
  );
  expect(await encryptionKeys({}, parseConfig({}))).toBeUndefined();
  const unwrap = async (wrapped: Uint8Array) => Buffer.concat([wrapped, Buffer.alloc(29)]);
  const wrapped = { CADENZA_ENCRYPTION_KEYS: 'kms:AAAA' };
  const [unwrapped] = (await encryptionKeys(wrapped, parseConfig({ encryption: { unwrap } })))!.keys;
  expect(unwrapped!.key).toHaveLength(32);
});
