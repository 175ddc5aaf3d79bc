import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import { cadenzaPlugin } from '../../src/workers/index.ts';
import type { MockProvider } from './mock-provider.ts';
import { type TestBed, type TestBedOptions, testBed } from './test-bed.ts';
import { testBundle } from './test-bundle.ts';
import { testLog } from './test-log.ts';

/** A test bed beside which each step of `cadenza/workflow` runs as a workflow of its own. */
export interface StepBed extends TestBed {
  /** Runs one step, by its exported name, as a workflow with this id. */
  step<Result>(name: string, request: object, id: string): Promise<Result>;
}

/** @param workflowsPath workflows to run instead of those of all tests, bundled by the worker itself */
export async function stepBed(
  provider?: MockProvider,
  { workflowsPath, ...options }: Pick<TestBedOptions, 'config'> & Pick<WorkerOptions, 'workflowsPath'> = {},
): Promise<StepBed> {
  const bed = await testBed({ provider, ...options });
  const taskQueue = `${bed.taskQueue}-steps`;
  const connection = await NativeConnection.connect({ address: process.env.CADENZA_TEST_TEMPORAL_ADDRESS! });
  const { databaseUrl, config } = bed;
  const env = { ...bed.env, CADENZA_TASK_QUEUE: bed.taskQueue };
  const worker = await Worker.create({
    connection,
    taskQueue,
    ...(workflowsPath ? { workflowsPath } : { workflowBundle: await testBundle() }),
    plugins: [await cadenzaPlugin({ databaseUrl, env, config, log: testLog().log })],
  });
  const run = worker.run();
  return {
    ...bed,
    step: (name, request, id) =>
      bed.temporal.workflow.execute(name, { workflowId: id, taskQueue, args: [request] }) as Promise<never>,
    async close() {
      worker.shutdown();
      await run;
      await connection.close();
      await bed.close();
    },
  };
}
