import { createRequire, registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';

/** jest's `testRunner`: https://jestjs.io/docs/configuration#testrunner-string */
type TestRunner = (
  globalConfig: unknown,
  config: { moduleNameMapper: [pattern: string, target: string][] },
  environment: unknown,
  runtime: object,
  testPath: string,
  send: unknown,
) => Promise<unknown>;

const require = createRequire(import.meta.url);
const circus: TestRunner = require('jest-circus/runner').default;
const CIRCUS_HANDLERS = Symbol.for('EVENT_HANDLERS');

let globals: Record<string, unknown> = {};
let isMapping = false;

/** `test`, `expect`, ... of the file that runs now. */
export function currentGlobals(): Record<string, unknown> {
  return globals;
}

/**
 * Runs a test file with jest-circus by Node's own loader, not in a virtual machine: there each file would load all rooms
 * and their libraries anew, which takes longer than most tests. Files of one process share modules; what they test starts
 * anew for each.
 */
const run: TestRunner = (globalConfig, config, environment, runtime, testPath, send) => {
  if (!isMapping) mapModules(config.moduleNameMapper);
  isMapping = true;
  // jest looks for source maps beside each file of each stack that is read; types are taken away in place here.
  delete (Error as { prepareStackTrace?: unknown }).prepareStackTrace;
  // Node's own, as everywhere else; jest takes 100 frames of each error.
  Error.stackTraceLimit = 10;
  Object.assign(runtime, {
    requireInternalModule(file: string) {
      // Tests and handlers of the file before are kept in these.
      delete require.cache[file];
      delete (globalThis as Record<symbol, unknown>)[CIRCUS_HANDLERS];
      return require(file);
    },
    setGlobalsForRuntime(ofFile: Record<string, unknown>) {
      globals = ofFile;
    },
    unstable_shouldLoadAsEsm: () => true,
    unstable_importModule: (file: string) => import(pathToFileURL(file).href),
  });
  return circus(globalConfig, config, environment, runtime, testPath, send);
};

export default run;

function mapModules(mapper: [pattern: string, target: string][]): void {
  const rules = mapper.map(([pattern, target]) => [new RegExp(pattern), target] as const);
  registerHooks({
    resolve(specifier, context, next) {
      const rule = rules.find(([pattern]) => pattern.test(specifier));
      return next(rule ? pathToFileURL(specifier.replace(...rule)).href : specifier, context);
    },
  });
}
