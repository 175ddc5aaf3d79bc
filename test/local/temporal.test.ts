import { createServer } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { findTemporalCli, type LocalTemporal, startTemporal } from '../../src/local/index.ts';
import { freePort } from '../../src/local/ports.ts';
import { isAlive } from '../../src/local/server-process.ts';
import { removeHome, temporaryHome } from './temporary-home.ts';

let home: string;
const started: LocalTemporal[] = [];
const said: string[] = [];

beforeEach(() => {
  home = temporaryHome();
});

afterEach(async () => {
  for (const temporal of started.splice(0)) await temporal.stop();
  said.splice(0);
  removeHome(home);
});

async function start(ports = { port: 0, uiPort: 0 }): Promise<LocalTemporal> {
  const temporal = await startTemporal({
    cli: findTemporalCli(home)!,
    dbFile: path.join(home, 'temporal.db'),
    namespace: 'default',
    ...ports,
    log: (line) => said.push(line),
  });
  started.push(temporal);
  return temporal;
}

async function withClient<T>(address: string, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await use(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

test('what was started is there again after kill -9, with its search attributes', async () => {
  const first = await start();
  await withClient(first.address, (client) =>
    client.workflow.start('ask', {
      taskQueue: 'nobody-works-here',
      workflowId: 'kept',
      searchAttributes: {
        CadenzaPattern: ['ask'],
        CadenzaTenant: ['blue'],
        CadenzaModels: ['a/b', 'c/d'],
        CadenzaCostUsd: [0.5],
      },
    }),
  );
  process.kill(first.pid, 'SIGKILL');
  expect((await first.exited).signal).toBe('SIGKILL');

  const second = await start();
  const kept = await withClient(second.address, (client) => client.workflow.getHandle('kept').describe());
  expect(kept.status.name).toBe('RUNNING');
  expect(kept.searchAttributes).toMatchObject({
    CadenzaPattern: ['ask'],
    CadenzaTenant: ['blue'],
    CadenzaCostUsd: [0.5],
  });
});

test('taken ports of the server and of its UI are moved on from, and that is said', async () => {
  const others = [createServer(), createServer()];
  const [port, uiPort] = await Promise.all(
    others.map(async (other) => {
      const taken = await freePort(0);
      await new Promise<void>((resolve) => other.listen(taken, '127.0.0.1', resolve));
      return taken;
    }),
  );
  try {
    const temporal = await start({ port: port!, uiPort: uiPort! });
    expect(temporal.port).not.toBe(port);
    expect(said).toContain(`Port ${port} is taken; Temporal listens on ${temporal.port}`);
    expect(said).toContain(`Port ${uiPort} is taken; the Temporal UI listens on ${temporal.uiPort}`);
    expect((await fetch(temporal.uiUrl)).status).toBe(200);
  } finally {
    for (const other of others) await new Promise((resolve) => other.close(resolve));
  }
});

test('a server left over from a killed process is stopped by the next start', async () => {
  const first = await start();
  const second = await start();
  expect(isAlive(first.pid)).toBe(false);
  expect(isAlive(second.pid)).toBe(true);
  expect(said).toContain(`A Temporal server left over from an earlier start (process ${first.pid}) is stopped`);
});
