import path from 'node:path';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { cadenzaPlugin } from '../../src/workers/index.ts';
import { workflowBundle } from '../../src/workers/workflow-bundle.ts';

/** A worker that keeps `STORM_CACHED` workflows in memory: any other is replayed from its history at each of its tasks. */
const { TEMPORAL_ADDRESS, CADENZA_TASK_QUEUE, CADENZA_DATABASE_URL, CADENZA_HOME, STORM_CACHED } = process.env;
Runtime.install({ logger: new DefaultLogger('ERROR') });
const connection = await NativeConnection.connect({ address: TEMPORAL_ADDRESS! });
const worker = await Worker.create({
  connection,
  taskQueue: CADENZA_TASK_QUEUE!,
  workflowBundle: await workflowBundle(path.join(CADENZA_HOME!, 'bundles')),
  maxCachedWorkflows: Number(STORM_CACHED),
  plugins: [await cadenzaPlugin({ databaseUrl: CADENZA_DATABASE_URL! })],
});
process.send!('ready');
process.on('disconnect', () => process.exit());
await worker.run();
