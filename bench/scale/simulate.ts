/**
 * A cluster under a million runs a day and 100,000 open conversations: a queueing simulation of its busiest hour, fed with what
 * measure.ts found. Nothing but the numbers in measured.json is measured; what is assumed are the flags.
 *
 *   node bench/scale/simulate.ts [--runs-a-day 1000000] [--conversations 100000] [--message-every 3600] [--peak 3] [--calls 3]
 *     [--words 300] [--model-ms 8000] [--readers 1] [--write-ms 5] [--shards 512] [--full 0.6] [--seconds 300] [--seed 1]
 *
 * `--message-every`: seconds between two messages to one conversation. `--peak`: the busiest hour against the mean one.
 * `--full`: how busy each part is at most, by design.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { quantile, table } from '../first-token/statistics.ts';
import { busyCores, type Cluster, type Load, type Outcome, simulated } from './cluster.ts';
import { combined, type Measured, withoutNoise } from './cost.ts';
import { PARTS, type Part } from './usage.ts';

const { values } = parseArgs({
  options: {
    'runs-a-day': { type: 'string', default: '1000000' },
    conversations: { type: 'string', default: '100000' },
    'message-every': { type: 'string', default: '3600' },
    peak: { type: 'string', default: '3' },
    calls: { type: 'string', default: '3' },
    words: { type: 'string', default: '300' },
    'model-ms': { type: 'string', default: '8000' },
    readers: { type: 'string', default: '1' },
    'write-ms': { type: 'string', default: '5' },
    shards: { type: 'string', default: '512' },
    full: { type: 'string', default: '0.6' },
    seconds: { type: 'string', default: '300' },
    seed: { type: 'string', default: '1' },
  },
});
const numbers = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)])) as Record<
  keyof typeof values,
  number
>;
const DAY_SECONDS = 86_400;
const { transitions, memoryMb, ...costs } = JSON.parse(
  readFileSync(path.join(import.meta.dirname, 'measured.json'), 'utf8'),
) as Measured;
const believed = Object.entries(costs).map(([unit, cost]) => [unit, withoutNoise(cost)]);
const measured = { ...Object.fromEntries(believed), transitions, memoryMb } as Measured;
const { peak, calls, words, readers, seed, seconds, conversations } = numbers;
const load: Load = {
  runsPerSecond: (numbers['runs-a-day'] * peak) / DAY_SECONDS,
  turnsPerSecond: (conversations * peak) / numbers['message-every'],
  ...{ calls, words, readers, modelMs: numbers['model-ms'] },
};
const times = (factor: number): Load => ({
  ...load,
  runsPerSecond: factor * load.runsPerSecond,
  turnsPerSecond: factor * load.turnsPerSecond,
});
const busy = busyCores(measured, load);
const cores = Object.fromEntries(
  PARTS.map((part) => [part, Math.max(1, Math.ceil(busy[part] / numbers.full))]),
) as Record<Part, number>;
const cluster: Cluster = { cores, shards: numbers.shards, writeMs: numbers['write-ms'] };

const answersPerSecond = load.runsPerSecond * calls + load.turnsPerSecond;
console.log(
  `Busiest hour: ${load.runsPerSecond.toFixed(1)} runs, ${load.turnsPerSecond.toFixed(1)} messages, ` +
    `${answersPerSecond.toFixed(0)} model calls and ${(answersPerSecond * words).toFixed(0)} words a second; ` +
    `${((answersPerSecond * load.modelMs) / 1_000).toFixed(0)} calls in flight\n`,
);
const outcome = simulated(measured, load, cluster, seconds, seed);
console.log(
  table(
    PARTS.map((part) => ({
      part,
      'cores kept busy': busy[part].toFixed(2),
      'cores given': String(cores[part]),
      'busy, simulated': percent(outcome, part),
      'longest queue': String(outcome.stations.find(({ name }) => name === part)!.longest),
      'runs a day that one core carries': carriedByOne(part),
    })),
  ),
);
console.log(`\n${table([0.5, 1, 1.5, 2].map((factor) => underLoad(factor)))}`);
console.log(`\n${table([4, 16, 64, 512].map((shards) => withShards(shards)))}`);
console.log(`\n${table(kept())}`);

function underLoad(factor: number): Record<string, string> {
  const at = simulated(measured, times(factor), cluster, seconds, seed);
  const busiest = PARTS.map((part) => ({ part, share: shareOf(at, part) })).sort((a, b) => b.share - a.share)[0]!;
  return {
    load: `x ${factor}`,
    ...added(at),
    'busiest part': `${busiest.part}, ${(100 * busiest.share).toFixed(0)} %`,
  };
}

/** The same with another number of shards, which is chosen once and for ever. */
function withShards(shards: number): Record<string, string> {
  const at = simulated(measured, load, { ...cluster, shards }, seconds, seed);
  const busiest = Math.max(...at.stations.filter(({ name }) => name.startsWith('shard')).map(({ busyMs }) => busyMs));
  return {
    shards: String(shards),
    ...added(at),
    'busiest shard': `${((100 * busiest) / 1_000 / at.seconds).toFixed(0)} %`,
  };
}

/** What a day leaves, before anything is forgotten. */
function kept(): Record<string, string>[] {
  const runs = numbers['runs-a-day'];
  const turns = (conversations * DAY_SECONDS) / numbers['message-every'];
  const answers = runs * calls + turns;
  const day = combined(
    [runs, measured.run],
    [runs * calls, measured.call],
    [turns, measured.turn],
    [answers * words - turns * 20, measured.token],
  );
  const open = combined([conversations, measured.conversation]);
  return (['temporal', 'cadenza'] as const).map((database) => ({
    database,
    'rows a day, millions': (day.rows[database] / 1e6).toFixed(0),
    'GB a day': (day.bytes[database] / 1e9).toFixed(1),
    'write-ahead log, MB/s in the busiest hour': ((day.walBytes[database] * peak) / DAY_SECONDS / 1e6).toFixed(1),
    'transactions a second then, reads among them': ((day.commits[database] * peak) / DAY_SECONDS).toFixed(0),
    'GB of open conversations': (open.bytes[database] / 1e9).toFixed(2),
  }));
}

function added({ addedMs }: Outcome): Record<string, string> {
  const at = (share: number) => quantile(addedMs, share).toFixed(0);
  return { 'added to a call p50, ms': at(0.5), 'p95, ms': at(0.95), 'p99, ms': at(0.99) };
}

function shareOf({ stations, seconds: long }: Outcome, part: string): number {
  const { busyMs, servers } = stations.find(({ name }) => name === part)!;
  return busyMs / 1_000 / long / servers;
}

function percent(at: Outcome, part: string): string {
  return `${(100 * shareOf(at, part)).toFixed(0)} %`;
}

/** Kept busy in the busiest hour, and with its share of the conversations' messages. */
function carriedByOne(part: Part): string {
  return busy[part] > 0 ? Math.floor(numbers['runs-a-day'] / busy[part]).toLocaleString('en') : '-';
}
