import { expect, test } from '@jest/globals';
import { type CallError, repeatAfter } from '../../src/contract/index.ts';

const down: CallError = { type: 'Unavailable', message: 'down' };
const limited = (retryAfterMs?: number): CallError => ({ type: 'RateLimited', message: 'slow down', retryAfterMs });
const refusedKey: CallError = { type: 'AuthenticationFailed', message: 'no such key' };

const limits = { maxAttempts: 3, maxRetryAfterMs: 5_000 };
const cases: [string, CallError, object, number | undefined][] = [
  ['backs off', down, {}, 500],
  ['doubles', down, { failures: 1 }, 1_000],
  ['ends with the policy’s attempts', down, { failures: 2 }, undefined],
  ['waits for a short Retry-After', limited(3_000), {}, 3_000],
  ['leaves a long one to the course of the step', limited(6_379), {}, undefined],
  ['takes Retry-After: 0 for none', limited(0), { failures: 1 }, 1_000],
  ['never repeats what cannot ever fit', { ...limited(1_000), permanent: true }, {}, undefined],
  ['repeats a stream that broke', { ...down, midStream: true }, {}, 500],
  ['but only once', { ...down, midStream: true }, { failures: 1, midStreamFailures: 1 }, undefined],
  ['does not go over the step’s deadline', down, { now: 1_000, deadline: 1_400 }, undefined],
  ['does not repeat what is not an outage', refusedKey, {}, undefined],
];
test.each(cases)('an attempt in place %s', (_, error, { deadline, ...known }: { deadline?: number }, expected) => {
  const attempt = { error, failures: 0, midStreamFailures: 0, now: 0, ...known };
  expect(repeatAfter(attempt, { ...limits, deadline })).toBe(expected);
});
