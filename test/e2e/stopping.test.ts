import { expect, test } from '@jest/globals';
import { startDev } from '../setup/dev-process.ts';

test('Ctrl-C leaves no process behind, also when nobody reads what is printed any more', async () => {
  const dev = await startDev({});
  const started = dev.children().filter(({ args }) => !args.startsWith('ps '));
  expect(started.length).toBeGreaterThanOrEqual(3);
  dev.process.stdout!.destroy();
  dev.process.stderr!.destroy();
  expect(await dev.stop()).toBe(0);
  expect(started.filter(({ pid }) => isAlive(pid))).toEqual([]);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
