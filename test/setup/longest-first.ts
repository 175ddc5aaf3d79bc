import { statSync } from 'node:fs';
import path from 'node:path';

/** Folders whose tests kill and restart processes, and files that wait, or work, long: begun last, one would run alone at the end. */
const LONG = /\/(crash|e2e|browser|local|cli|workflows\/(two-week-outage|map-outage|conversation|replay|patience))\b/;

/** jest's `testSequencer`: a fresh clone knows no durations of an earlier run, by which jest itself would go. */
export default class LongestFirst {
  sort<Test extends { path: string }>(tests: Test[]): Test[] {
    return tests
      .map((test) => {
        const name = path.relative(import.meta.dirname, test.path);
        return { test, size: statSync(test.path).size, isLong: LONG.test(name) };
      })
      .sort((one, other) => Number(other.isLong) - Number(one.isLong) || other.size - one.size)
      .map(({ test }) => test);
  }

  cacheResults(): void {}

  allFailedTests<Test>(tests: Test[]): Test[] {
    return tests;
  }
}
