import { SimplePlugin } from '@temporalio/plugin';
import type { BundlerPlugin, WorkerOptions, WorkerPlugin } from '@temporalio/worker';
import { createActivities, inDirectLane } from '../activities/index.ts';
import { type Deployment, deploymentOf, loadConfig, readEnvironment } from '../config/index.ts';
import { RUN_DIRECT } from '../contract/index.ts';
import { warmUp } from '../providers/index.ts';
import { dataConverter } from '../runtime/data-converter.ts';
import { type OpenRooms, openRooms, type RoomOptions } from '../runtime/open-rooms.ts';
import { type Metrics, openMetrics, traceOfActivities, traceOnStart } from '../telemetry/index.ts';
import { createPerformDirect, type PerformDirect } from './perform-direct.ts';
import { createRunDirect } from './run-direct.ts';
import type { WorkedHere } from './runs-here.ts';
import { defaultSlots, slotOptions } from './slots.ts';
import { PRELOADED, workflowEntries, workflowModule } from './workflow-bundle.ts';

/** Calls in flight may finish so long once the worker is asked to stop; others are repeated elsewhere. */
export const SHUTDOWN_GRACE_MS = 20_000;

const DEFAULTS = {
  /** So often workers say that their activities live, and hear of a cancellation; the server takes them for dead after 8 s. */
  maxHeartbeatThrottleInterval: '800 ms',
  /** How long Temporal waits for the worker that last ran a workflow before another may go on with it. */
  stickyQueueScheduleToStartTimeout: '3 seconds',
  shutdownGraceTime: SHUTDOWN_GRACE_MS,
} as const satisfies Partial<WorkerOptions>;

export interface PluginOptions extends Partial<RoomOptions> {
  databaseUrl: string;
  /** the build this worker is of; else `CADENZA_DEPLOYMENT` and `CADENZA_BUILD` */
  deployment?: Deployment;
}

interface PluginParts {
  metrics?: Metrics;
  /** closes what was opened for the plugin */
  close?(): Promise<void>;
  activities?: ReturnType<typeof createActivities>;
  direct?: PerformDirect;
  here?: Pick<WorkedHere, 'adopt'>;
  deployment?: Deployment;
}

export interface CadenzaPlugin extends WorkerPlugin, BundlerPlugin {
  readonly name: string;
  /** what its activities count, for Prometheus: `await plugin.metrics.text()` */
  readonly metrics: Metrics;
  /** Closes what the plugin opened; a worker given the plugin does so itself when it ends. */
  close(): Promise<void>;
}

/**
 * Makes a Temporal worker of yours run the steps of `cadenza/workflow`:
 * `Worker.create({ taskQueue, workflowsPath, plugins: [await cadenzaPlugin({ databaseUrl })] })`.
 */
export async function cadenzaPlugin(options: PluginOptions): Promise<CadenzaPlugin> {
  const { databaseUrl, env = process.env, log, deployment } = options;
  const config = options.config ?? (await loadConfig());
  await warmUp(config, env);
  const rooms = await openRooms({ databaseUrl, env, log, config });
  return pluginOf(rooms, { deployment, close: () => rooms.close() });
}

/** The plugin over rooms that somebody else opened, and closes. */
export function pluginOf(rooms: OpenRooms, parts: PluginParts = {}): CadenzaPlugin {
  const {
    metrics = openMetrics(),
    here,
    activities = createActivities({ ...rooms, metrics }),
    close = async () => {},
  } = parts;
  const environment = readEnvironment(rooms.env);
  const slots = slotOptions(environment.slots ?? defaultSlots());
  const versioning = versioningOptions(parts.deployment ?? deploymentOf(environment));
  const { direct = createPerformDirect(inDirectLane(activities, { ...rooms, metrics }), rooms.store.journal) } = parts;
  const runDirect = createRunDirect(direct, rooms.store, here);
  const base = new SimplePlugin({
    name: 'cadenza',
    activities: { ...activities, [RUN_DIRECT]: runDirect },
    dataConverter: dataConverter(rooms.store, rooms.secrets),
    workerInterceptors: {
      workflowModules: [workflowModule('interceptor')],
      activity: [traceOfActivities(metrics)],
      client: traceOnStart,
    },
    runContext: async (next) => {
      try {
        await next();
      } finally {
        await close();
      }
    },
  });
  return {
    name: base.name,
    metrics,
    close,
    configureWorker: (options) =>
      base.configureWorker({
        ...{ ...DEFAULTS, ...versioning, ...(options.tuner ? {} : slots) },
        ...options,
        ...bundling(options),
      }),
    configureReplayWorker: (options) => base.configureReplayWorker(options),
    configureBundler: (options) => base.configureBundler(options),
    runWorker: (worker, next) => base.runWorker(worker, next),
  };
}

/** Runs stay with the build they began on, unless their workflow says otherwise. Without a build nothing is versioned. */
function versioningOptions(deployment: Deployment | undefined): Pick<WorkerOptions, 'workerDeploymentOptions'> {
  if (!deployment) return {};
  const { name: deploymentName, build: buildId } = deployment;
  return {
    workerDeploymentOptions: {
      version: { deploymentName, buildId },
      useWorkerVersioning: true,
      defaultVersioningBehavior: 'PINNED',
    },
  };
}

/** Users' workflows and the interceptor must share one copy of the workflows room: it holds the run's state. */
export function bundling({
  workflowBundle,
  bundlerOptions,
}: Partial<WorkerOptions>): Pick<WorkerOptions, 'bundlerOptions'> {
  if (workflowBundle) return {};
  return {
    bundlerOptions: {
      ...bundlerOptions,
      preloadModules: [...(bundlerOptions?.preloadModules ?? []), ...PRELOADED],
      webpackConfigHook(config) {
        const hooked = bundlerOptions?.webpackConfigHook?.(config) ?? config;
        const alias = { ...hooked.resolve?.alias, ...workflowEntries() };
        return { ...hooked, resolve: { ...hooked.resolve, alias } };
      },
    },
  };
}
