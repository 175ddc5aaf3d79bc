import { expect, test } from '@jest/globals';
import { billTable } from '../../src/cli/commands/bill.ts';
import { runTable } from '../../src/cli/commands/runs.ts';
import { seconds, usd } from '../../src/cli/views/numbers.ts';

test('a bill adds up under its lines, and says what has no price', () => {
  const usage = { inputTokens: 1_200, outputTokens: 34 };
  const lines = billTable({
    totalUsd: 0.0031,
    inputTokens: 3_600,
    outputTokens: 102,
    unpriced: 1,
    calls: [
      { step: 'draft', model: 'a/b', usage, costUsd: 0.0021, cached: false },
      { step: 'check', model: 'c/d', usage, costUsd: null, cached: true },
      { step: 'cut', model: 'a/b', usage, costUsd: 0.001, cached: false, estimated: true },
    ],
  }).split('\n');
  expect(lines[0]).toMatch(/^STEP +MODEL +INPUT +OUTPUT +COST$/);
  expect(lines[1]).toMatch(/^draft +a\/b +1,200 +34 +\$0\.002100$/);
  expect(lines[2]).toMatch(/^check +c\/d \(cached\) +1,200 +34 +price unknown$/);
  expect(lines[3]).toMatch(/^cut +a\/b \(estimated\) +1,200 +34 +\$0\.001000$/);
  expect(lines[4]).toMatch(/^total +3,600 +102 +\$0\.003100$/);
  expect(lines[5]).toBe('1 call has no known price.');
});

test('runs are listed with how they stand', () => {
  const run = {
    id: 'r1',
    pattern: 'ask',
    startedAt: '2026-01-01T00:00:00.000Z',
    models: ['a/b', 'c/d'],
    costUsd: 1.234,
  };
  const error = { type: 'RateLimited' as const, message: '' };
  const lines = runTable([{ ...run, status: 'failed', error }], Date.parse('2026-01-01T00:05:00.000Z')).split('\n');
  expect(lines[1]).toMatch(/^r1 +ask +failed, RateLimited +5 min ago +a\/b, c\/d +\$1\.23$/);
});

test('money and time are as exact as they tell something', () => {
  expect([0, 0.000012, 0.0123, 12.345, null].map(usd)).toEqual([
    '$0',
    '$0.000012',
    '$0.0123',
    '$12.35',
    'price unknown',
  ]);
  expect([5, 1_500, 61_000].map(seconds)).toEqual(['5 ms', '1.5 s', '1 min 1 s']);
});
