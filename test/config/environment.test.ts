import { expect, test } from '@jest/globals';
import { deploymentOf, readEnvironment } from '../../src/config/index.ts';

test('API keys are listed with commas', () => {
  expect(readEnvironment({ CADENZA_API_KEYS: ' one , two,' }).apiKeys).toEqual(['one', 'two']);
  expect(readEnvironment({}).apiKeys).toEqual([]);
});

test.each([' , ', ',', '  '])('a list of API keys without a key, %j, is no invitation to everybody', (keys) => {
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
