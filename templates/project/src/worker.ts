import { fileURLToPath } from 'node:url';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { cadenzaPlugin } from 'cadenza/worker';

/** A Temporal worker of yours; the plugin gives it Cadenza's activities, events, journal and bill. After a change, start it anew. */
const { TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE = 'default', CADENZA_DATABASE_URL } = process.env;
if (!CADENZA_DATABASE_URL) throw new Error('Set CADENZA_DATABASE_URL, or start this by: npm start');

Runtime.install({ logger: new DefaultLogger('WARN') });
const connection = await NativeConnection.connect({ address: TEMPORAL_ADDRESS });
const worker = await Worker.create({
  connection,
  namespace: TEMPORAL_NAMESPACE,
  taskQueue: 'briefings',
  workflowsPath: fileURLToPath(new URL('./workflows.ts', import.meta.url)),
  plugins: [await cadenzaPlugin({ databaseUrl: CADENZA_DATABASE_URL })],
});
console.log('The worker of src/workflows.ts is ready.');
await worker.run();
await connection.close();
