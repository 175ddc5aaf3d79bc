import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/** What V8 writes of one thread; times in microseconds of the machine's steady clock. */
interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  startTime: number;
  samples: number[];
  timeDeltas: number[];
}

/** From and to, ms of the steady clock. */
export type Window = [number, number];

export function steadyMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}

const WAITING = new Set(['(idle)', '(program)']);

/** Where the threads of a process spent their own time within the windows. @returns ms, most first */
export async function selfTimes(
  folder: string,
  windows: Window[],
): Promise<{ packages: [string, number][]; functions: [string, number][] }> {
  const packages = new Map<string, number>();
  const functions = new Map<string, number>();
  for (const file of await readdir(folder)) {
    const profile = JSON.parse(await readFile(path.join(folder, file), 'utf8')) as CpuProfile;
    const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
    let at = profile.startTime;
    for (const [index, id] of profile.samples.entries()) {
      const took = profile.timeDeltas[index]! / 1_000;
      at += profile.timeDeltas[index]!;
      const { functionName, url, lineNumber } = frames.get(id)!;
      if (WAITING.has(functionName) || !windows.some(([from, to]) => at / 1_000 >= from && at / 1_000 < to)) continue;
      const owner = url === '' ? functionName || '(native)' : packageOf(url);
      add(packages, url === '' && !owner.startsWith('(') ? '(native)' : owner, took);
      add(functions, `${functionName || 'anonymous'} ${owner} ${path.basename(url)}:${lineNumber + 1}`, took);
    }
  }
  return { packages: sorted(packages), functions: sorted(functions) };
}

/** A package, a room of ours, or Node itself. */
function packageOf(url: string): string {
  const inPackage = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url);
  if (inPackage) return inPackage[1]!;
  return (
    /\/src\/[^/]+/.exec(url)?.[0].slice(1) ?? (url.startsWith('node:') ? url.split('/').slice(0, 2).join('/') : url)
  );
}

const add = (sums: Map<string, number>, name: string, ms: number) => sums.set(name, (sums.get(name) ?? 0) + ms);

function sorted(sums: Map<string, number>): [string, number][] {
  return [...sums].sort(([, a], [, b]) => b - a);
}
