import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { findTemporalCli, findTestServer, startTemporal } from '../../src/local/index.ts';
import { openStore } from '../../src/store/index.ts';
import { cleanUpAfterDeath, scratchFolder, startTestPostgres } from '../../src/testing/test-postgres.ts';
import { unpackedBrowser } from '../browser/unpacked-browser.ts';
import { freshDatabase } from '../store/fresh-store.ts';

/** What stop-servers.ts ends again. */
export interface TestServers {
  stop(): Promise<void>;
}

/**
 * Starts one PostgreSQL and one Temporal server for all tests, on free ports, and says where they are:
 * CADENZA_TEST_POSTGRES_URL (an owner who may create databases), CADENZA_TEST_TEMPORAL_ADDRESS and
 * CADENZA_TEST_SERVER_PATH (the time-skipping server's program). What is set already is used as it is.
 * Beside them stand what tests need not make anew each: CADENZA_TEST_TEMPLATE, a database that has Cadenza's tables,
 * CADENZA_TEST_HOME, for bundles, the browser, and Node's cache of compiled modules, for all processes that tests start.
 */
export default async function startServers(): Promise<void> {
  const home = mkdtempSync(path.join(scratchFolder(), 'cadenza-test-'));
  process.env.CADENZA_TEST_HOME = home;
  process.env.NODE_COMPILE_CACHE ??= path.resolve('node_modules/.cache/compiled');
  const log = (line: string) => process.stderr.write(`${line}\n`);
  const [postgres, temporal] = await Promise.all([
    process.env.CADENZA_TEST_POSTGRES_URL ? undefined : startTestPostgres(log),
    process.env.CADENZA_TEST_TEMPORAL_ADDRESS ? undefined : startTestTemporal(home, log),
    unpackedBrowser(),
  ]);
  process.env.CADENZA_TEST_POSTGRES_URL ??= postgres?.url;
  process.env.CADENZA_TEST_TEMPORAL_ADDRESS ??= temporal?.address;
  const template = await freshDatabase();
  await openStore({ url: template.url }).then((store) => store.close());
  process.env.CADENZA_TEST_TEMPLATE = new URL(template.url).pathname.slice(1);
  const testServer = findTestServer(home);
  // Without one, the SDK downloads its own.
  if (testServer) process.env.CADENZA_TEST_SERVER_PATH ??= testServer;
  const guard = cleanUpAfterDeath(home, temporal ? [temporal.pid] : []);
  const servers: TestServers = {
    async stop() {
      await template.drop();
      await Promise.all([postgres?.stop(), temporal?.stop()]);
      guard.kill('SIGKILL');
      rmSync(home, { recursive: true, force: true });
    },
  };
  (globalThis as { testServers?: TestServers }).testServers = servers;
}

function startTestTemporal(home: string, log: (line: string) => void) {
  const cli = findTemporalCli(home);
  if (!cli) throw new Error('The tests need a Temporal server. Install it with: npm run setup');
  const logFile = path.join(home, 'temporal.log');
  return startTemporal({ cli, logFile, port: 0, uiPort: 0, namespace: 'default', log });
}
