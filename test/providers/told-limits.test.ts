import { expect, test } from '@jest/globals';
import { effectiveLimits, roomFor } from '../../src/contract/index.ts';
import { toldLimits } from '../../src/providers/index.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const told = (headers: Record<string, string>) => toldLimits(new Headers(headers), NOW);

test('OpenAI and Anthropic tell their limits, each in its own headers', () => {
  expect(
    told({
      ...{
        'x-ratelimit-limit-requests': '100',
        'x-ratelimit-remaining-requests': '40',
        'x-ratelimit-reset-requests': '36s',
      },
      ...{
        'x-ratelimit-limit-tokens': '10000',
        'x-ratelimit-remaining-tokens': '9000',
        'x-ratelimit-reset-tokens': '6s',
      },
    }),
  ).toEqual({
    limits: { requests: 100, tokens: 10_000, windowMs: 60_000 },
    used: { requests: 60, tokens: 1_000 },
    ...{ resetMs: 36_000, isPressing: true },
  });
  expect(
    told({
      ...{ 'anthropic-ratelimit-input-tokens-limit': '80000', 'anthropic-ratelimit-input-tokens-remaining': '80000' },
      ...{
        'anthropic-ratelimit-input-tokens-reset': '2026-11-29T12:00:00Z',
        'anthropic-ratelimit-tokens-limit': '96000',
      },
      ...{ 'anthropic-ratelimit-tokens-remaining': '96000' },
    }),
  ).toMatchObject({ limits: { inputTokens: 80_000, windowMs: 60_000 }, isPressing: false });
});

test('limits of a day, and headers that make no sense, are left alone', () => {
  const day = { 'x-ratelimit-limit-requests': '14400', 'x-ratelimit-remaining-requests': '14000' };
  expect(told({ ...day, 'x-ratelimit-reset-requests': '40m' })).toBeUndefined();
  expect(told({ 'x-ratelimit-limit-requests': 'many', 'x-ratelimit-remaining-requests': '1' })).toBeUndefined();
});

test('of what is configured and what was told, the smaller holds; beside another window only what is configured', () => {
  const minute = { requests: 100, windowMs: 60_000 };
  expect(effectiveLimits(minute, { requests: 50, tokens: 9, windowMs: 60_000 })).toEqual({
    ...{ requests: 50, tokens: 9, windowMs: 60_000 },
  });
  expect(effectiveLimits({ requests: 5, windowMs: 1_000 }, minute)).toEqual({ requests: 5, windowMs: 1_000 });
  expect(effectiveLimits(undefined, minute)).toEqual(minute);
});

test('an answer is held to what a small limit leaves it; a call that never fits is told so', () => {
  const small = { 'p/m': { tokens: 100, windowMs: 60_000 } };
  expect(roomFor('p/m', { input: 20 }, small)).toEqual({ most: 80, sendMost: 80 });
  expect(roomFor('p/m', { input: 20 }, { p: { tokens: 10_000, windowMs: 60_000 } })).toEqual({ most: 9_980 });
  expect(roomFor('p/m', { input: 20, output: 663 }, small)).toMatchObject({
    error: { held: 'limit', permanent: true },
  });
});
