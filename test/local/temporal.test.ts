import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { findTemporalCli, type LocalTemporal, startTemporal, type TemporalOptions } from '../../src/local/index.ts';
import { freePort } from '../../src/local/ports.ts';
import { commandLine, isAlive } from '../../src/local/server-process.ts';
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

async function start(options: Partial<TemporalOptions> = {}): Promise<LocalTemporal> {
  const temporal = await startTemporal({
    cli: findTemporalCli(home)!,
    dbFile: path.join(home, 'temporal.db'),
    namespace: 'default',
    port: 0,
    uiPort: 0,
    ...options,
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

test('killed amid running workflows, it comes back with every start it acknowledged, and they end', async () => {
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: 'temporalio=error', forward: {} } },
  });
  const first = await start();
  const taskQueue = 'hops';
  const connection = await NativeConnection.connect({ address: first.address });
  const worker = await Worker.create({
    connection,
    taskQueue,
    workflowsPath: path.join(import.meta.dirname, 'three-hops.ts'),
    activities: { next: async (value: number) => value + 1 },
  });
  const running = worker.run();
  try {
    await withClient(first.address, async ({ workflow }) => {
      const acknowledged = new Map<number, WorkflowHandle>();
      const fifty = Promise.withResolvers<void>();
      let count = 0;
      const startsOn = async () => {
        while (isAlive(first.pid)) {
          const value = count++;
          const options = { taskQueue, workflowId: `hops-${value}`, args: [value] };
          acknowledged.set(value, await workflow.start('threeHops', options));
          if (acknowledged.size === 50) fifty.resolve();
        }
      };
      const starting = Promise.all(Array.from({ length: 8 }, startsOn));
      await Promise.race([fifty.promise, starting]);
      process.kill(first.pid, 'SIGKILL');
      await first.exited;

      await start({ port: first.port, uiPort: first.uiPort, exactPorts: true });
      // Starts that were under way are sent again, and acknowledged by the second one.
      await starting;
      for (const [value, handle] of acknowledged) expect(await handle.result()).toBe(value + 3);
    });
  } finally {
    worker.shutdown();
    await running;
    await connection.close();
    await Runtime.instance().shutdown();
  }
});

test('it waits for the disk at each commit where that is wanted', async () => {
  expect(commandLine((await start({ sync: 'full' })).pid)).toContain('synchronous=full');
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

/** A server that falls over so often before it serves, as it does when one of its own ports was taken meanwhile. */
function fallingOver(times: number): string {
  const script = path.join(home, 'falls-over');
  const falls = path.join(home, 'falls');
  const lines = [
    ...['#!/bin/sh', `echo x >> ${falls}`],
    `if [ "$(wc -l < ${falls})" -le ${times} ]; then echo "panic: a port of mine is taken" >&2; exit 2; fi`,
    `exec ${findTemporalCli(home)!} "$@"`,
  ];
  writeFileSync(script, lines.join('\n'), { mode: 0o755 });
  return script;
}

test('a server that falls over before it serves is started anew, and given up with its last words', async () => {
  const temporal = await start({ cli: fallingOver(2) });
  expect((await fetch(temporal.uiUrl)).status).toBe(200);
  removeHome(path.join(home, 'falls'));
  await expect(start({ cli: fallingOver(9) })).rejects.toThrow('panic: a port of mine is taken');
});

test('a server left over from a killed process is stopped by the next start', async () => {
  const first = await start();
  const second = await start();
  expect(isAlive(first.pid)).toBe(false);
  expect(isAlive(second.pid)).toBe(true);
  expect(said).toContain(`A Temporal server left over from an earlier start (process ${first.pid}) is stopped`);
});

test('a run whose tasks were lost again and again is given to the next worker within seconds', async () => {
  const { address } = await start();
  await withClient(address, async (client) => {
    const { workflowService } = client.connection;
    const taskQueue = { name: 'lossy' };
    const from = { namespace: 'default', identity: 'lossy' };
    const task = () =>
      client.withDeadline(Date.now() + 30_000, () => workflowService.pollWorkflowTaskQueue({ ...from, taskQueue }));
    await client.workflow.start('any', { taskQueue: taskQueue.name, workflowId: 'lost', workflowTaskTimeout: '1 s' });
    for (let lost = 0; lost < 12; lost += 1) {
      const { taskToken } = await task();
      await workflowService.respondWorkflowTaskFailed({ ...from, taskToken });
    }
    // This one is kept by a worker that never answers.
    await task();
    expect((await task()).taskToken).not.toHaveLength(0);
  });
});
