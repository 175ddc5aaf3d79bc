export type { Log } from '../contract/index.ts';
export { spanIds, startTracing } from '../telemetry/index.ts';
export { type CadenzaPlugin, cadenzaPlugin } from './plugin.ts';
export {
  missingSearchAttributes,
  registerSearchAttributes,
  requireSearchAttributes,
} from './search-attributes.ts';
export { type RunningWorker, startWorker, type WorkerSettings } from './start-worker.ts';
