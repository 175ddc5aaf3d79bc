import { cpuMsOf } from '../first-token/processes.ts';
import { untilQuiet } from '../first-token/quiet.ts';
import { quantile } from '../first-token/statistics.ts';
import type { OpenBed } from './bed.ts';
import type { Entry } from './contender.ts';
import { type Racer, startRacer } from './racer.ts';
import { syncsDuring } from './syncs.ts';

const IN_FLIGHT = 50;
const BURST_MS = 3_000;
const STREAMS = 100;
/** chains and streams one after the other, in each round */
const ALONE = 10;
/** As long for each as it is timed: code that has not run often is not compiled yet. */
const WARM_UP = { chains: ALONE, burst: { inFlight: IN_FLIGHT, forMs: BURST_MS }, streams: 10 };
const COUNTED_CHAINS = 20;
/** Servers that nobody asks for anything still look around, and several do so at once: ms of 200. */
const SERVERS_BUSY_MS = 40;
/** No round is begun that would end after so long: on a busy machine there are fewer. */
const PATIENCE_MS = 400_000;

/** What one contender did in one round. */
interface Round {
  chainMs: number[];
  perSecond: number;
  cpuMs: number;
  firstMs: number[];
  streams: { first: number[]; gaps: number[] };
}

interface Lane extends Entry {
  racer: Racer;
  /** whose processor time and syncs are its own */
  pids: number[];
  rounds: Round[];
  syncs?: number;
}

export interface Told {
  rows: Record<string, string>[];
  notes: string[];
}

/** Rounds in which every contender does everything once, then the syncs of each. One that fails is out, and named. */
export async function race(bed: OpenBed, contenders: Entry[], rounds: number): Promise<Told> {
  const startedAt = performance.now();
  const notes: string[] = [];
  const lanes: Lane[] = [];
  const out = (name: string, error: Error) => notes.push(`Out of the race: ${name}. ${error.message}`);

  for (const entry of contenders) {
    const opened = await prepare(bed, entry).catch((error) => out(entry.name, error));
    if (typeof opened === 'object') lanes.push(opened);
  }
  const each = async (first: number, work: (lane: Lane) => Promise<void>) => {
    // Another one begins in every round: what the one before left to do must not always meet the same.
    for (const lane of [...lanes.slice(first % lanes.length), ...lanes.slice(0, first % lanes.length)]) {
      await work(lane).catch((error) => {
        out(lane.name, error);
        lanes.splice(lanes.indexOf(lane), 1);
        return lane.racer.kill();
      });
    }
  };
  const deadline = startedAt + PATIENCE_MS;
  let roundMs = 0;
  let nth = 0;
  for (; nth < rounds && lanes.length > 0 && performance.now() + roundMs < deadline; nth++) {
    const roundAt = performance.now();
    await each(nth, async (lane) => {
      lane.rounds.push(await round(lane));
    });
    roundMs = performance.now() - roundAt;
  }
  await each(0, async (lane) => {
    const syncs = await syncsDuring(lane.pids, () => lane.racer.ask('chains', COUNTED_CHAINS));
    lane.syncs = syncs === undefined ? undefined : syncs / COUNTED_CHAINS;
  });
  for (const { racer } of lanes) await racer.ask('close').catch(() => {});
  for (const { racer } of lanes) await racer.kill();
  return { rows: lanes.map(rowOf), notes: [`${nth} of ${rounds} rounds`, ...notes] };
}

async function prepare(bed: OpenBed, entry: Entry): Promise<Lane> {
  const racer = await startRacer(entry, await bed.place(entry.name));
  await racer.ask('chains', WARM_UP.chains);
  await racer.ask('burst', WARM_UP.burst);
  await racer.ask('streams', WARM_UP.streams);
  return { ...entry, racer, pids: [racer.pid, ...entry.servers.map((server) => bed.pids[server])], rounds: [] };
}

async function round({ racer, pids }: Lane): Promise<Round> {
  const quiet = () => untilQuiet(() => cpuMsOf(pids), SERVERS_BUSY_MS);
  const chainMs = await racer.ask('chains', ALONE);
  const cpuBefore = cpuMsOf(pids);
  const { runs, ms } = await racer.ask('burst', { inFlight: IN_FLIGHT, forMs: BURST_MS });
  await quiet();
  const cpuMs = (cpuMsOf(pids) - cpuBefore) / runs;
  const firstMs = await racer.ask('firstTokens', ALONE);
  const streams = await racer.ask('streams', STREAMS);
  await quiet();
  return { chainMs, perSecond: (runs * 1_000) / ms, cpuMs, firstMs, streams };
}

function rowOf({ name, rounds, syncs }: Lane): Record<string, string> {
  const ofAll = (read: (round: Round) => number[], share: number) => shown(quantile(rounds.flatMap(read), share));
  const median = (read: (round: Round) => number) => shown(quantile(rounds.map(read), 0.5));
  return {
    '': name,
    'chain p50, ms': ofAll((round) => round.chainMs, 0.5),
    'p95, ms': ofAll((round) => round.chainMs, 0.95),
    '50 in flight, runs/s': median((round) => round.perSecond),
    'CPU ms a run': median((round) => round.cpuMs),
    'syncs a run': syncs === undefined ? '-' : shown(syncs),
    'first token p50, ms': ofAll((round) => round.firstMs, 0.5),
    '100 at once: first p50, ms': median(({ streams }) => quantile(streams.first, 0.5)),
    'gap p95, ms': median(({ streams }) => quantile(streams.gaps, 0.95)),
  };
}

/** As many digits as mean something. */
function shown(value: number): string {
  if (Number.isNaN(value)) return '-';
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}
