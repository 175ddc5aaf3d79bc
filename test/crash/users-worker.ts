import { NativeConnection, Worker } from '@temporalio/worker';
import { cadenzaPlugin } from '../../src/workers/index.ts';

/** A user's worker, whose workflows were bundled before: one that is killed twenty times need not bundle them each time. */
const { TEMPORAL_ADDRESS, TASK_QUEUE, CADENZA_DATABASE_URL, WORKFLOW_BUNDLE, CACHED_WORKFLOWS } = process.env;
const connection = await NativeConnection.connect({ address: TEMPORAL_ADDRESS! });
const worker = await Worker.create({
  connection,
  taskQueue: TASK_QUEUE!,
  workflowBundle: { codePath: WORKFLOW_BUNDLE! },
  ...(CACHED_WORKFLOWS && { maxCachedWorkflows: Number(CACHED_WORKFLOWS) }),
  plugins: [await cadenzaPlugin({ databaseUrl: CADENZA_DATABASE_URL! })],
});
console.log('Taking work');
await worker.run();
