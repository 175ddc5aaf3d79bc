import { expect, test } from '@jest/globals';
import { summaryDue, windowStart } from '../../src/activities/transcript-window.ts';

/** Turns of so many tokens, half of them the user's. */
function turns(...sizes: number[]) {
  return sizes.flatMap((size) => [
    { role: 'user', tokens: size / 2 },
    { role: 'assistant', tokens: size / 2 },
  ]);
}

test('a window that fits keeps its beginning', () => {
  expect(windowStart(turns(100, 100, 100), 300)).toBe(0);
  expect(windowStart([], 0)).toBe(0);
});

test('a window that is too long loses whole turns, down to three quarters of its room', () => {
  expect(windowStart(turns(100, 100, 100, 100, 100), 400)).toBe(4);
  expect(windowStart(turns(1_000, 100, 100), 400)).toBe(2);
  expect(windowStart(turns(100, 100, 1_000), 400)).toBe(6);
});

const rule = { from: 10, whenOverTokens: 400, keepTurns: 2, room: 1_000 };

test('a summary is due once the turns without one are long enough, and spares the newest', () => {
  expect(summaryDue(turns(100, 100, 100, 100), rule)).toBeUndefined();
  expect(summaryDue(turns(100, 100, 100, 100, 100), rule)).toEqual({ to: 16 });
  expect(summaryDue(turns(1_000, 1_000), rule)).toBeUndefined();
  expect(summaryDue([], rule)).toBeUndefined();
});

test('a summary takes no more turns than one request can hold, and passes over one that no request can', () => {
  expect(summaryDue(turns(400, 400, 400, 400, 100), rule)).toEqual({ to: 14 });
  expect(summaryDue(turns(1_200, 400, 400, 100, 100), rule)).toEqual({ to: 12, tooLong: true });
});
