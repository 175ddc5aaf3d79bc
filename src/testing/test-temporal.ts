import type { ClientOptionsForTestEnv } from '@temporalio/testing';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { SEARCH_ATTRIBUTES, type SearchAttribute } from '../contract/index.ts';
import { findTemporalCli, findTestServer, obtain, startTemporal } from '../local/index.ts';
import { registerSearchAttributes } from '../workers/index.ts';

const NAMESPACE = 'default';

export interface TestTemporalOptions {
  /** where programs are looked for, and kept once they are downloaded */
  home: string;
  client?: ClientOptionsForTestEnv;
  log?: (line: string) => void;
}

/** A Temporal server whose time passes at once where a run waits and nothing else is to do: days take no time. */
export async function startSkippingTemporal({ home, client, log = () => {} }: TestTemporalOptions) {
  const path =
    process.env.CADENZA_TEST_SERVER_PATH ?? findTestServer(home) ?? (await obtain('temporal-test-server', home, log));
  const temporal = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path } },
    client,
  });
  const names = Object.keys(SEARCH_ATTRIBUTES) as SearchAttribute[];
  await registerSearchAttributes(temporal.nativeConnection, NAMESPACE, names);
  return temporal;
}

/** A whole Temporal server, in memory: what the other one lacks is here, and days take days. */
export async function startRealTemporal({ home, client, log = () => {} }: TestTemporalOptions) {
  const cli = findTemporalCli(home) ?? (await obtain('temporal', home, log));
  const server = await startTemporal({ cli, port: 0, uiPort: 0, namespace: NAMESPACE, log });
  const { address } = server;
  const temporal = await TestWorkflowEnvironment.createFromExistingServer({ address, namespace: NAMESPACE, client });
  return { temporal, stop: server.stop };
}
