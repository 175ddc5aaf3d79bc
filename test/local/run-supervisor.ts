import { fileURLToPath } from 'node:url';
import { startLocal } from '../../src/local/index.ts';

const local = await startLocal({
  server: { script: fileURLToPath(new URL('fake-server.ts', import.meta.url)), args: [] },
}).catch((error: Error) => {
  console.log(error.message);
  process.exitCode = 1;
  return undefined;
});
await local?.stopped;
