import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { type Cadenza, connectWith, dataConverter } from '../client/index.ts';
import { type Config, type ConfigInput, loadConfig, parseConfig, readEnvironment } from '../config/index.ts';
import { type Bill, type EventType, isPattern, type Log, type RunEvent, type RunOptions } from '../contract/index.ts';
import { openRooms } from '../runtime/open-rooms.ts';
import { pluginOf } from '../workers/plugin.ts';
import { workflowBundle } from '../workers/workflow-bundle.ts';
import { freshDatabase } from './database.ts';
import { type ScriptedModel, type ScriptedModels, scriptedModels } from './scripted-models.ts';
import { createSkip, skipWhileWaiting } from './skip-while-waiting.ts';
import { startTestPostgres } from './test-postgres.ts';
import { startRealTemporal, startSkippingTemporal } from './test-temporal.ts';

export interface TestOptions {
  /** the file that exports workflows of your own, as a worker is given it */
  workflowsPath?: string;
  /** what models say; a request that no line fits fails its step */
  models?: ScriptedModel[];
  /** instead of `cadenza.config.ts` of the folder the test is started in */
  config?: ConfigInput;
  /** activities of your own */
  activities?: object;
  /** `skipped`: waits take no time, on Temporal's time-skipping test server; `real`: they do, on a whole server */
  time?: 'skipped' | 'real';
  /** variables that workers read, beside the process's own */
  env?: Record<string, string>;
  /** what workers say; nothing when left out */
  log?: Log;
}

/** Cadenza for a test: Temporal, PostgreSQL, workers and models, all of its own, on this machine, without keys. */
export interface TestCadenza {
  /** Starts a workflow of your own, or a pattern by its name. */
  start<Result = unknown>(
    workflow: string | ((...args: never[]) => Promise<Result>),
    input: unknown,
    options?: RunOptions & { id?: string },
  ): Promise<TestRun<Result>>;
  /** Starts it and waits for its result. @throws CadenzaError as `client.result` does */
  run<Result = unknown>(
    workflow: string | ((...args: never[]) => Promise<Result>),
    input: unknown,
    options?: RunOptions & { id?: string },
  ): Promise<Result>;
  models: Pick<ScriptedModels, 'script' | 'asked'>;
  /** as backends have it; time is skipped while it waits for a result */
  client: Cadenza;
  /** Temporal's own environment: `sleep`, `currentTimeMs`, a client and connections */
  temporal: TestWorkflowEnvironment;
  /** of your own workflows; patterns are on another */
  taskQueue: string;
  /** Forgets the script, what was asked, and answers that the cache has: what one test asks is not answered by another's. */
  reset(): Promise<void>;
  /** Ends all of it, and deletes what it wrote. */
  close(): Promise<void>;
}

export interface TestRun<Result = unknown> {
  id: string;
  /** Waits for the end; where time is skipped, it is skipped meanwhile, and only then. */
  result(): Promise<Result>;
  /** Waits, in real time, for the first event of this type. @throws Error where the run ends without one */
  reached<Type extends EventType>(type: Type): Promise<Extract<RunEvent, { type: Type }>>;
  events(): AsyncIterable<RunEvent>;
  bill(): Promise<Bill>;
}

/**
 * Starts all that a test of workflows needs; takes some seconds, so once a file.
 * Where `CADENZA_TEST_POSTGRES_URL` names a PostgreSQL whose user may create databases, one is made and dropped there.
 */
export async function testCadenza(options: TestOptions = {}): Promise<TestCadenza> {
  quiet();
  const close: (() => Promise<unknown>)[] = [];
  const closeAll = async () => {
    for (const end of close.toReversed()) await end();
  };
  try {
    return await open(options, close, closeAll);
  } catch (error) {
    await closeAll();
    throw error;
  }
}

async function open(
  { workflowsPath, activities, time = 'skipped', ...options }: TestOptions,
  close: (() => Promise<unknown>)[],
  closeAll: () => Promise<void>,
): Promise<TestCadenza> {
  const given = options.config ? parseConfig(options.config) : await loadConfig();
  const models = await scriptedModels(options.models, given.providers);
  close.push(models.stop);
  const queues = { patterns: `patterns-${randomUUID()}`, own: `own-${randomUUID()}` };
  const env = { ...process.env, ...models.env, ...options.env, CADENZA_TASK_QUEUE: queues.patterns };
  const config: Config = {
    ...given,
    providers: models.providers,
    workflows: Object.fromEntries(Object.keys(given.workflows).map((name) => [name, { taskQueue: queues.own }])),
  };
  const { home } = readEnvironment(env);

  const databaseUrl = await testDatabase(close);
  const log = options.log ?? SILENT;
  const rooms = await openRooms({ databaseUrl, config, env, log });
  close.push(rooms.close);
  const client = { dataConverter: dataConverter(rooms.store, rooms.secrets) };
  const say = (line: string) => log.info({}, line);
  let temporal: TestWorkflowEnvironment;
  if (time === 'skipped') temporal = await startSkippingTemporal({ home, client, log: say });
  else {
    const real = await startRealTemporal({ home, client, log: say });
    close.push(real.stop);
    temporal = real.temporal;
  }
  close.push(() => temporal.teardown());

  const worker = async (taskQueue: string, what: Partial<WorkerOptions>) => {
    const plugins = [pluginOf(rooms)];
    const made = await Worker.create({ connection: temporal.nativeConnection, taskQueue, plugins, ...what });
    const running = made.run();
    running.catch(() => {});
    close.push(() => {
      if (made.getState() === 'RUNNING') made.shutdown();
      return running;
    });
  };
  await Promise.all([
    worker(queues.patterns, { workflowBundle: await workflowBundle(path.join(home, 'bundles')) }),
    workflowsPath === undefined ? undefined : worker(queues.own, { workflowsPath, activities }),
  ]);

  const skip = createSkip(time === 'skipped' ? temporal.connection.testService : undefined);
  const connected = connectWith({
    ...{ connection: temporal.connection, namespace: temporal.namespace ?? 'default', taskQueue: queues.patterns },
    ...{ rooms, eager: () => false },
  });
  const start: TestCadenza['start'] = async <Result>(
    workflow: Parameters<TestCadenza['start']>[0],
    input: unknown,
    { id = randomUUID(), ...runOptions } = {},
  ): Promise<TestRun<Result>> => {
    const run =
      typeof workflow === 'string' && isPattern(workflow)
        ? await connected.startUnchecked(workflow, input, { id, ...runOptions })
        : await startOwn(temporal, queues.own, workflow, id, [input, runOptions]);
    return {
      id: run.id,
      result: () => skip(() => connected.result(run.id)) as Promise<Result>,
      events: () => connected.events(run.id),
      bill: () => connected.bill(run.id),
      async reached(type) {
        for await (const event of connected.events(run.id)) if (event.type === type) return event as never;
        throw new Error(`The run ${run.id} ended without ${type}`);
      },
    };
  };
  return {
    start,
    run: async (workflow, input, runOptions) => (await start(workflow, input, runOptions)).result() as never,
    models,
    client: skipWhileWaiting(connected, skip),
    temporal,
    taskQueue: queues.own,
    async reset() {
      models.reset();
      await rooms.store.cache.clear();
    },
    close: closeAll,
  };
}

async function startOwn(
  { client }: TestWorkflowEnvironment,
  taskQueue: string,
  workflow: string | ((...args: never[]) => Promise<unknown>),
  workflowId: string,
  [input, options]: [unknown, RunOptions],
): Promise<{ id: string }> {
  const name = typeof workflow === 'string' ? workflow : workflow.name;
  const args = Object.keys(options).length > 0 ? [input, options] : [input];
  await client.workflow.start(name, { workflowId, taskQueue, args });
  return { id: workflowId };
}

/** @param close gets what drops it */
async function testDatabase(close: (() => Promise<unknown>)[]): Promise<string> {
  let server = process.env.CADENZA_TEST_POSTGRES_URL;
  if (server === undefined) {
    const postgres = await startTestPostgres();
    close.push(postgres.stop);
    server = postgres.url;
  }
  const { url, drop } = await freshDatabase(server);
  close.push(drop);
  return url;
}

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** Temporal's workers tell of every start and stop, and of every failure a test means to happen. */
function quiet(): void {
  try {
    Runtime.install({
      logger: new DefaultLogger('ERROR'),
      telemetryOptions: { logging: { filter: 'temporalio=error', forward: {} } },
    });
  } catch {
    // Somebody has installed theirs.
  }
}
