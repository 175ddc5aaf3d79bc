import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { findTemporalCli, startTemporal } from '../../src/local/index.ts';
import { removeHome, temporaryHome } from '../local/temporary-home.ts';
import { until } from '../setup/until.ts';
import { freshStore } from '../store/fresh-store.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

test('what Temporal’s native code has to say goes into the log, and not between the lines of --json', async () => {
  const home = temporaryHome();
  closing.push(() => removeHome(home));
  const { store, url, drop } = await freshStore();
  closing.push(drop);
  await store.ping();
  const temporal = await startTemporal({
    ...{ cli: findTemporalCli(home)!, dbFile: path.join(home, 'temporal.db'), namespace: 'default' },
    ...{ port: 0, uiPort: 0, log: () => {} },
  });
  closing.push(() => temporal.stop());
  const env = { ...process.env, NODE_OPTIONS: '', CADENZA_DATABASE_URL: url, TEMPORAL_ADDRESS: temporal.address };
  const worker = spawn(process.execPath, [path.join(ROOT, 'bin/cadenza.mjs'), 'worker', '--json'], { cwd: ROOT, env });
  const exited = once(worker, 'exit');
  closing.push(() => {
    worker.kill('SIGKILL');
    return exited;
  });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    worker[stream].on('data', (data: Buffer) => {
      said[stream] += data.toString();
    });
  }
  await until(() => said.stdout.includes('"ready":true') || undefined);
  process.kill(temporal.pid, 'SIGKILL');
  await until(() => /gRPC call|temporalio_sdk_core/.test(said.stdout + said.stderr) || undefined);
  for (const stream of ['stdout', 'stderr'] as const) {
    const odd = said[stream].split('\n').filter((line) => line !== '' && !line.startsWith('{'));
    expect({ stream, odd }).toEqual({ stream, odd: [] });
  }
  expect(said.stderr).toMatch(/"level":40.*gRPC call/);
});
