import { setMaxListeners } from 'node:events';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { createActivities, inDirectLane } from '../activities/index.ts';
import { workerStops } from '../activities/letting-go.ts';
import { noTemporal } from '../client/errors.ts';
import { type Cadenza, connectWith, createBudgets } from '../client/index.ts';
import { type Config, deploymentOf, encryptionKeys, readEnvironment, temporalTarget } from '../config/index.ts';
import type { Log } from '../contract/index.ts';
import { warmUp } from '../providers/index.ts';
import { dataConverter } from '../runtime/data-converter.ts';
import { type OpenRooms, openRooms } from '../runtime/open-rooms.ts';
import type { Store } from '../store/index.ts';
import { type Metrics, openMetrics, traceOnStart } from '../telemetry/index.ts';
import { startHousekeeping } from './housekeeping.ts';
import { createPerformDirect } from './perform-direct.ts';
import { pluginOf, SHUTDOWN_GRACE_MS } from './plugin.ts';
import { withQuickThreads } from './quick-threads.ts';
import { createRunsHere } from './runs-here.ts';
import { requireSearchAttributes } from './search-attributes.ts';
import { defaultSlots, type Slots, slotsOf } from './slots.ts';
import { watchBuild } from './watch-build.ts';
import { workflowBundle } from './workflow-bundle.ts';

/** A worker that was asked to stop waits so long for a database that does not answer, ms: longer than its calls have to end. */
const STORE_WAITS_MS = SHUTDOWN_GRACE_MS + 10_000;

export interface WorkerSettings {
  databaseUrl: string;
  config: Config;
  log: Log;
  env?: NodeJS.ProcessEnv;
  /** else as the environment says */
  temporalAddress?: string;
  namespace?: string;
  /** else `CADENZA_TASK_QUEUE` */
  taskQueue?: string;
}

export interface RunningWorker {
  /** a client on the worker's own connection: runs it starts begin at once, without a hop through the server */
  client: Cadenza;
  slots(): Slots;
  /** what is counted here, for Prometheus */
  metrics: Metrics;
  /** settles when the worker has ended; rejects if it failed */
  run: Promise<void>;
  /** Takes no new work, lets calls in flight finish, and closes everything. */
  drain(): Promise<void>;
}

/** Runs the patterns: a Temporal worker with its store, providers and client. */
export async function startWorker(settings: WorkerSettings): Promise<RunningWorker> {
  const { databaseUrl, config, log, env = process.env } = settings;
  const environment = readEnvironment(env);
  const { home, taskQueue: fromEnvironment, slots = defaultSlots() } = environment;
  const deployment = deploymentOf(environment);
  const taskQueue = settings.taskQueue ?? fromEnvironment;
  const { namespace, connection: target } = temporalTarget(
    { address: settings.temporalAddress, namespace: settings.namespace },
    env,
  );
  // Before there are connections: what loads modules keeps the event loop, and they would time out meanwhile.
  await warmUp(config, env);
  const encryption = await encryptionKeys(env, config);
  const [connection, rooms, bundle] = await Promise.all([
    NativeConnection.connect(target).catch((cause) => {
      throw noTemporal(target.address, cause);
    }),
    openRooms({ databaseUrl, config, env, log, encryption }),
    workflowBundle(path.join(home, 'bundles'), encryption !== undefined),
  ]);
  try {
    await requireSearchAttributes(connection, namespace);
    await applyBudgets(rooms.store, config.budgets);
    const converter = dataConverter(rooms.store, rooms.secrets);
    const temporal = new Client({ connection, namespace, dataConverter: converter, interceptors: traceOnStart });
    const metrics = openMetrics();
    const stopping = new AbortController();
    setMaxListeners(0, stopping.signal);
    const activities = createActivities({ ...rooms, metrics, stopping: stopping.signal });
    const { store, secrets } = rooms;
    const perform = createPerformDirect(inDirectLane(activities, { ...rooms, metrics }), store.journal);
    const here = createRunsHere({ perform, temporal, store, secrets, log, namespace, taskQueue, most: slots });
    const plugins = [pluginOf(rooms, { activities, direct: perform, here, metrics })];
    const options = { connection, namespace, taskQueue, workflowBundle: bundle, plugins };
    const worker = await withQuickThreads(() => Worker.create(options));
    const building = watchBuild(temporal, deployment);
    const client = connectWith({ connection, namespace, taskQueue, rooms, eager: building.isCurrent, here });
    const stopHousekeeping = startHousekeeping(temporal, { ...rooms, metrics });
    const run = worker.run();
    run.catch(() => {});
    let drained: Promise<void> | undefined;
    const drain = async () => {
      const stopped = new AbortController();
      const unlessStopped = (ms: number, act: () => unknown) =>
        void delay(ms, undefined, { signal: stopped.signal, ref: false })
          .then(act)
          .catch(() => {});
      unlessStopped(SHUTDOWN_GRACE_MS, () => stopping.abort(workerStops()));
      // What still waits for the database then, waits in vain: it fails, and is another worker's.
      unlessStopped(STORE_WAITS_MS, () => store.close());
      const ended = here.drain(SHUTDOWN_GRACE_MS);
      building.stop();
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await Promise.all([run.catch(() => {}), ended]);
      await here.close();
      await stopHousekeeping();
      stopped.abort();
      await closeAll(rooms, connection);
    };
    metrics.showSlots(() => slotsOf(worker, slots));
    metrics.showOpenWork(() => client.openWork());
    return {
      client,
      metrics,
      slots: () => slotsOf(worker, slots),
      run,
      drain: () => (drained ??= drain()),
    };
  } catch (error) {
    await closeAll(rooms, connection);
    throw error;
  }
}

async function closeAll(rooms: OpenRooms, connection: NativeConnection): Promise<void> {
  await rooms.close();
  await connection.close();
}

/** Sets the budgets the config names, before any call can begin; those it does not name stay as they are. */
async function applyBudgets(store: Store, { tenants, keys }: Config['budgets']): Promise<void> {
  const budgets = createBudgets(store, { role: 'admin', from: { via: 'worker' } });
  const given = [
    ...Object.entries(tenants).map(([name, usd]) => [`tenant:${name}`, usd] as const),
    ...Object.entries(keys).map(([name, usd]) => [`key:${name}`, usd] as const),
  ];
  for (const [account, usd] of given) {
    if ((await budgets.show(account)).budgetUsd !== usd) await budgets.set(account, usd);
  }
}
