import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { claimHome, type Running, writeRunning } from '../../src/local/running.ts';
import { removeHome, temporaryHome } from '../local/temporary-home.ts';
import { cadenza } from './command-line.ts';

let home: string;
let releaseHome: () => void;
beforeEach(() => {
  home = temporaryHome();
  releaseHome = claimHome(home);
});
afterEach(() => {
  releaseHome();
  removeHome(home);
});

/** As if `cadenza dev` ran in this home, at ports where nobody answers. */
function runningHere(more: Partial<Running> = {}): void {
  writeRunning(home, {
    ...{ pid: process.pid, url: 'http://127.0.0.1:1', port: 1, temporalAddress: '127.0.0.1:1' },
    ...{ temporalNamespace: 'default', databaseUrl: 'postgresql://local@127.0.0.1:1/cadenza', ...more },
  });
}

function profile(name: string, lines: string[]): string {
  const file = path.join(home, 'temporal.toml');
  writeFileSync(file, [`[profile.${name}]`, ...lines, ''].join('\n'));
  return file;
}

test('a Temporal that the environment names without a database is never taken for the one that runs here', async () => {
  runningHere();
  const file = profile('staging', ['address = "temporal.example:7233"']);
  const named = [
    [{ TEMPORAL_ADDRESS: 'temporal.example:7233' }, 'TEMPORAL_ADDRESS names'],
    [{ TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: 'staging' }, 'The Temporal profile "staging" names'],
  ] as const;
  for (const [env, said] of named) {
    for (const args of [['runs'], ['cancel', 'r1'], ['worker'], ['doctor']]) {
      const { code, stderr } = await cadenza(args, { env: { CADENZA_HOME: home, ...env } });
      expect([args, code]).toEqual([args, 1]);
      expect(stderr).toContain(`${said} the Temporal at temporal.example:7233, and no database`);
      expect(stderr).toContain('CADENZA_DATABASE_URL');
    }
  }
});

test('a database that is not the one of what runs here is not swapped for it', async () => {
  runningHere();
  const env = { CADENZA_HOME: home, CADENZA_DATABASE_URL: 'postgresql://other@127.0.0.1:1/other' };
  const { code, stderr } = await cadenza(['runs'], { env });
  expect(code).toBe(1);
  expect(stderr).toContain('CADENZA_DATABASE_URL names another database');
});

const askPostgres = [
  ...[['runs'], ['bill', 'r1'], ['keys', 'list'], ['schedule', 'list'], ['prune'], ['worker'], ['gateway'], ['serve']],
  ...[['chat'], ['mcp'], ['run', 'ask', '--input', '{"prompt":"a"}']],
];

test.each(askPostgres.map((args) => [args]))(
  'cadenza %j names a PostgreSQL that is away, without its password',
  async (args) => {
    const env = {
      TEMPORAL_ADDRESS: process.env.CADENZA_TEST_TEMPORAL_ADDRESS!,
      CADENZA_DATABASE_URL: 'postgresql://owner:s3cret@127.0.0.1:1/mine',
    };
    const { code, stderr } = await cadenza([...args, '--json'], { env });
    const { error } = JSON.parse(stderr.trim().split('\n').at(-1)!);
    expect({ code, error }).toEqual({
      code: 1,
      error: {
        type: 'Unavailable',
        message: 'PostgreSQL does not answer at 127.0.0.1:1/mine: connect ECONNREFUSED 127.0.0.1:1',
        hint: expect.stringContaining('cadenza doctor'),
      },
    });
    expect(stderr).not.toContain('s3cret');
  },
);

test('a profile that is not there is told by name', async () => {
  const { code, stderr } = await cadenza(['runs'], { env: { CADENZA_HOME: home, TEMPORAL_PROFILE: 'nowhere' } });
  expect(code).toBe(1);
  expect(stderr).toContain('The Temporal profile "nowhere" is not usable');
});

test('a profile of temporal.toml names the server and the namespace of every command', async () => {
  const address = process.env.CADENZA_TEST_TEMPORAL_ADDRESS!;
  const namespace = `profiled-${process.pid}`;
  const connection = await Connection.connect({ address });
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: msToTs('1 day'),
  });
  await connection.close();
  const env = {
    CADENZA_HOME: home,
    CADENZA_DATABASE_URL: process.env.CADENZA_TEST_POSTGRES_URL!,
    TEMPORAL_CONFIG_FILE: profile('staging', [`address = "${address}"`, `namespace = "${namespace}"`]),
    TEMPORAL_PROFILE: 'staging',
  };
  const { stdout } = await cadenza(['doctor', '--json'], { env });
  const findings = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { check: string });
  expect(findings.find(({ check }) => check === 'temporal')).toMatchObject({
    state: 'ok',
    detail: expect.stringContaining(`at ${address}, namespace ${namespace}`),
  });
});
