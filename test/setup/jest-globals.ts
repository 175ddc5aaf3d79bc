import { currentGlobals } from './native-runner.ts';

/** `@jest/globals` for modules that are loaded once: each test file has a `test` of its own. */
export const [test, describe, expect, beforeAll, beforeEach, afterAll, afterEach] = [
  'test',
  'describe',
  'expect',
  'beforeAll',
  'beforeEach',
  'afterAll',
  'afterEach',
].map(
  (name) =>
    new Proxy(() => {}, {
      apply: (_, self, args) => Reflect.apply(currentGlobals()[name] as () => unknown, self, args),
      get: (_, key) => Reflect.get(currentGlobals()[name] as object, key),
    }),
);
