import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker } from '@temporalio/worker';
import { cadenzaPlugin } from 'cadenza/worker';

const connection = await NativeConnection.connect({ address: process.env.TEMPORAL_ADDRESS });
const worker = await Worker.create({
  connection,
  namespace: process.env.TEMPORAL_NAMESPACE ?? 'default',
  taskQueue: process.env.TASK_QUEUE ?? 'announcements',
  workflowsPath: fileURLToPath(new URL('./workflows.ts', import.meta.url)),
  plugins: [await cadenzaPlugin({ databaseUrl: process.env.CADENZA_DATABASE_URL! })],
});
console.log('Writing announcements. Stop with Ctrl-C, and start again: what waits goes on waiting.');
await worker.run();
await connection.close();
