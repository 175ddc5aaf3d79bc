import path from 'node:path';
import { expect, test } from '@jest/globals';
import { Connection } from '@temporalio/client';
import { checkHops } from '../../src/cli/checks/hops.ts';
import { findTemporalCli } from '../../src/local/index.ts';
import { freePort } from '../../src/local/ports.ts';
import { startProcess } from '../../src/local/server-process.ts';
import { until } from '../setup/until.ts';

/** What the doctor says of a server with these settings, once it serves. */
async function told(...settings: string[]) {
  const port = await freePort(0);
  const server = await startProcess({
    command: findTemporalCli(path.resolve('.cadenza'))!,
    args: ['server', 'start-dev', '--headless', '--port', String(port), '--log-level', 'never', ...settings],
    logFile: '/dev/null',
    stopSignal: 'SIGTERM',
  });
  try {
    const connection = await until(() => Connection.connect({ address: `127.0.0.1:${port}` }).catch(() => undefined));
    try {
      return await checkHops(connection, 'default');
    } finally {
      await connection.close();
    }
  } finally {
    await server.stop();
  }
}

test('a Temporal that rations how often it hands work on is noticed, and the setting named', async () => {
  // Its default is 20 times a second, which a busy machine may hide.
  const { state, mend } = await told('--dynamic-config-value', 'history.transferProcessorMaxPollRPS=8');
  expect(state).toBe('warning');
  expect(mend).toContain('history.transferProcessorMaxPollRPS');
});

test('one that hands it on at once is not said to wait for a tick', async () => {
  const { detail } = await told('--dynamic-config-value', 'history.transferProcessorMaxPollRPS=100000');
  expect(detail).toMatch(/takes \d+ ms$/);
});
