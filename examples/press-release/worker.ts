import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker } from '@temporalio/worker';
import { cadenzaPlugin } from 'cadenza/worker';

/** A Temporal worker of your own; the plugin gives it Cadenza's activities, events, journal and bill. */
const connection = await NativeConnection.connect({ address: process.env.TEMPORAL_ADDRESS });
const worker = await Worker.create({
  connection,
  namespace: process.env.TEMPORAL_NAMESPACE ?? 'default',
  taskQueue: process.env.TASK_QUEUE ?? 'press-releases',
  workflowsPath: fileURLToPath(new URL('./workflows.ts', import.meta.url)),
  plugins: [await cadenzaPlugin({ databaseUrl: process.env.CADENZA_DATABASE_URL! })],
});
console.log('Writing press releases. Stop with Ctrl-C.');
await worker.run();
await connection.close();
