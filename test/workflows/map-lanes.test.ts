import { expect, test } from '@jest/globals';
import { lanesOf, sliceRows } from '../../src/workflows/map/lanes.ts';

test.each([1, 2, 3, 4, 5, 16, 17, 63, 64, 65, 100, 256])(
  '%i rows at once are shared out among the lanes exactly',
  (n) => {
    const lanes = lanesOf(n);
    expect(lanes.reduce((sum, width) => sum + width, 0)).toBe(n);
    expect(Math.max(...lanes) - Math.min(...lanes)).toBeLessThanOrEqual(1);
    expect(Math.max(...lanes)).toBeLessThanOrEqual(16);
  },
);

test('few rows are spread over all lanes, and many come in slices that keep a lane busy', () => {
  expect(sliceRows(300, 4, 16)).toBe(38);
  expect(sliceRows(10_000, 4, 4)).toBe(64);
  expect(sliceRows(9, 4, 4)).toBe(4);
  expect(sliceRows(3, 4, 4)).toBe(3);
});
