import type { Config } from '../config/index.ts';
import type { Log } from '../contract/index.ts';
import type { ProviderRegistry } from '../providers/index.ts';
import type { Store } from '../store/index.ts';
import type { Metrics } from '../telemetry/index.ts';
import type { ToolRegistry } from '../tools/index.ts';

/** What activities join: providers, store and config, opened once a worker. */
export interface Rooms {
  store: Store;
  providers: ProviderRegistry;
  tools: ToolRegistry;
  config: Config;
  /** values that must never leave the process */
  secrets: string[];
  /** where a webhook's secret is read from, by the name its run gives */
  env: NodeJS.ProcessEnv;
  log: Log;
  /** counts what is done, where somebody wants to know */
  metrics?: Metrics;
  /** aborts when the worker that is asked to stop waits no longer */
  stopping?: AbortSignal;
}
