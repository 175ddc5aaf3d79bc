import { statSync } from 'node:fs';
import path from 'node:path';

/** Tests of these kill and restart processes, and wait for them: begun last, one would run alone at the end. */
const LONG = ['crash', 'e2e', 'browser', 'local', 'cli'];

/** jest's `testSequencer`: a fresh clone knows no durations of an earlier run, by which jest itself would go. */
export default class LongestFirst {
  sort<Test extends { path: string }>(tests: Test[]): Test[] {
    return tests
      .map((test) => ({
        test,
        size: statSync(test.path).size,
        rank: LONG.indexOf(path.basename(path.dirname(test.path))),
      }))
      .sort((one, other) => Number(other.rank >= 0) - Number(one.rank >= 0) || other.size - one.size)
      .map(({ test }) => test);
  }

  cacheResults(): void {}

  allFailedTests<Test>(tests: Test[]): Test[] {
    return tests;
  }
}
