import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { OpenBed } from './bed.ts';
import type { Entry } from './contender.ts';
import type { Told } from './race.ts';
import { type Racer, startRacer } from './racer.ts';

/** So long a contender that goes on only when asked gets to show that it does not by itself. */
const BY_ITSELF_MS = 5_000;
/** Longer than the longest clock in the field: a minute for an activity without heartbeats. */
const PATIENCE_MS = 80_000;

/** How often each step was asked, and when last (ms, of `performance.now`). */
type Asked = Record<'1' | '2' | '3', { times: number; at: number }>;
type AskedOf = (run: string) => Asked;

/**
 * A worker is killed while the provider has not yet answered step 2, and another is started at once. All contenders go
 * through it one after the other; who waits longest waits beside the next.
 */
export async function crash(bed: OpenBed, contenders: Entry[]): Promise<Told> {
  const runs = new Map<string, Asked>();
  const askedOf: AskedOf = (run) => {
    const asked = runs.get(run) ?? { 1: { times: 0, at: 0 }, 2: { times: 0, at: 0 }, 3: { times: 0, at: 0 } };
    runs.set(run, asked);
    return asked;
  };
  bed.provider.on('message', ({ run, step }: { run: string; step: keyof Asked }) => {
    const asked = askedOf(run)[step];
    asked.times += 1;
    asked.at = performance.now();
  });
  const notes: string[] = [];
  const rows: Promise<Record<string, string> | undefined>[] = [];
  for (const entry of contenders.filter(({ servers }) => servers.length > 0)) {
    const killed = await killInStep2(bed, entry, askedOf).catch((error: Error) => void notes.push(error.message));
    if (!killed) continue;
    const row = recovery(killed, entry).catch((error: Error) => void notes.push(error.message));
    rows.push(row);
    await Promise.race([row, delay(BY_ITSELF_MS)]);
  }
  return { rows: (await Promise.all(rows)).filter((row) => row !== undefined), notes };
}

interface Killed {
  run: string;
  at: number;
  asked: Asked;
  next: Racer;
  /** the next process takes work after so long */
  startMs: number;
}

async function killInStep2(bed: OpenBed, entry: Entry, askedOf: AskedOf): Promise<Killed> {
  const place = await bed.place(entry.name);
  const first = await startRacer(entry, place);
  // Warm, as a worker is: the first call of a process takes longer than others.
  await first.ask('chains', 3);
  const run = randomUUID();
  const asked = askedOf(run);
  await first.ask('begin', run);
  await until(`${entry.name} asks step 2`, () => asked[2].times > 0);
  const at = performance.now();
  await first.kill();
  const next = await startRacer(entry, place);
  return { run, at, asked, next, startMs: performance.now() - at };
}

async function recovery(killed: Killed, { name }: Entry): Promise<Record<string, string>> {
  const { run, asked, next, startMs } = killed;
  try {
    const again = () => asked[2].times > 1;
    let from = killed.at;
    if (next.resumes) {
      await delay(BY_ITSELF_MS);
      if (!again()) {
        from = performance.now();
        await next.ask('resume', run);
      }
    }
    await until(`${name} asks step 2 again`, again);
    const { at } = asked[2];
    await until(`${name} asks step 3`, () => asked[3].times > 0);
    return {
      '': name,
      'asked: step 1, 2, 3': [asked[1], asked[2], asked[3]].map(({ times }) => times).join(', '),
      'goes on': from === killed.at ? 'by itself' : 'only when asked',
      'step 2 again after, s': ((at - from) / 1_000).toFixed(1),
      'of it the process starts, s': from === killed.at ? (startMs / 1_000).toFixed(1) : '-',
    };
  } finally {
    await next.kill();
  }
}

async function until(what: string, holds: () => unknown): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${PATIENCE_MS / 1_000} s`);
    await delay(10);
  }
}
