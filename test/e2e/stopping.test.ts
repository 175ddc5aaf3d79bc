import { expect, test } from '@jest/globals';
import { startDev } from '../setup/dev-process.ts';
import { until } from '../setup/until.ts';

/** Takes a while to finish, and then says how often it was asked to and whether its database was still there. */
const DRAINS = `
  import pg from 'pg';
  const asked = [];
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {
    if (asked.push(signal) === 1) setTimeout(finish, 1_500);
  });
  async function finish() {
    const client = new pg.Client(process.env.CADENZA_DATABASE_URL);
    await client.connect();
    await client.query('select 1');
    await client.end();
    console.log('drained after ' + asked.join() + '.');
    process.exit();
  }
  setInterval(() => {}, 60_000);
  console.log('the program works.');`;
const DEAF = `
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {});
  setInterval(() => {}, 60_000);
  console.log('the program works.');`;

const devBeside = async (...program: string[]) => {
  const dev = await startDev({}, program);
  await until(() => dev.said().includes('the program works.') || undefined);
  return dev;
};

test('Ctrl-C leaves no process behind, also when nobody reads what is printed any more', async () => {
  const dev = await startDev({});
  const started = dev.children().filter(({ args }) => !args.startsWith('ps '));
  expect(started.length).toBeGreaterThanOrEqual(3);
  dev.process.stdout!.destroy();
  dev.process.stderr!.destroy();
  expect(await dev.stop()).toBe(0);
  expect(started.filter(({ pid }) => isAlive(pid))).toEqual([]);
});

const node = (program: string) => [process.execPath, '--input-type=module', '-e', program];
const stops: [how: string, program: string[], signal: NodeJS.Signals | undefined, asked: string][] = [
  ['Ctrl-C in a terminal', node(DRAINS), undefined, 'SIGINT'],
  ['a signal to dev alone', node(DRAINS), 'SIGTERM', 'SIGTERM'],
  ['Ctrl-C, where a shell started it,', ['sh', '-c', '"$@"; echo over', 'sh', ...node(DRAINS)], undefined, 'SIGINT'],
];

test.each(stops)(
  '%s asks the program beside it once, and takes its database away when it has ended',
  async (...given) => {
    const [, program, signal, asked] = given;
    const dev = await devBeside(...program);
    expect(await dev.stop(signal)).toBe(0);
    expect(dev.said()).toContain(`drained after ${asked}.`);
  },
);

test('a second Ctrl-C ends a program that will not end', async () => {
  const dev = await devBeside(...node(DEAF));
  const ended = dev.stop();
  const again = setInterval(() => dev.process.kill('SIGINT'), 300);
  expect(await ended).toBe(0);
  clearInterval(again);
  expect(dev.said()).toContain('ended with 137');
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
