import { expect, test } from '@jest/globals';
import { readEnvironment } from '../../src/config/index.ts';

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
