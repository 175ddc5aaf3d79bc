/**
 * A burst under load: many runs started within a second, every one of them followed over SSE by a client in a process of
 * its own, asking a provider in another that speaks at an even pace. What runs is what `npm start` runs, with real
 * Temporal and PostgreSQL. With `--against`, another checkout takes its turn after each round, so that before and after
 * are one run. With `--profile`, the CPU profiles of the Node processes are left in that folder and summed up.
 *
 * 200 live streams for ten minutes, 20 of them with readers that take next to nothing, and how memory stands meanwhile:
 * `--lane direct --rounds 1 --tokens 6000 --rate 10 --slow 20`.
 *
 *   node bench/load/run.ts [--runs 200] [--rounds 2] [--slow 0] [--lane standard,fast] [--against <folder>] [--profile <folder>] [--json]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { table } from '../first-token/statistics.ts';
import { PARTS, type Part, type Running, startCheckout, type Usage, usageOf } from './checkout.ts';
import type { Burst, Seen } from './client.ts';
import { selfTimes, steadyMs, type Window } from './profile.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '2' },
    lane: { type: 'string', default: 'standard' },
    tokens: { type: 'string', default: '100' },
    rate: { type: 'string', default: '20' },
    within: { type: 'string', default: '1000' },
    slow: { type: 'string', default: '0' },
    against: { type: 'string' },
    profile: { type: 'string' },
    json: { type: 'boolean' },
  },
});
const RUNS = Number(values.runs);
const TOKENS = Number(values.tokens);
const BURST = { runs: RUNS, tokens: TOKENS, withinMs: Number(values.within), slow: Number(values.slow) };
const WARM_UP = { runs: 20, tokens: TOKENS, withinMs: 500, slow: 0 };
const MEMORY_EVERY_MS = 20_000;
const SETTLED_AFTER_MS = 2_000;

interface Round extends Seen {
  used: Record<Part, Usage>;
  providerMs: number;
  /** of Node, as it went, MB */
  memory: number[];
}

/** One lane of one checkout. */
interface Contender {
  name: string;
  running: Running;
  lane: string;
  rounds: Round[];
  /** when its bursts were */
  windows: Window[];
}

const home = await mkdtemp(path.join(os.tmpdir(), 'cadenza-load-'));
// Root's PostgreSQL runs as another user, who must get in.
await chmod(home, 0o755);
const started: Running[] = [];
const [provider, client] = ['provider', 'client'].map((name) =>
  fork(path.join(import.meta.dirname, `${name}.ts`), [values.tokens, values.rate]),
) as [ChildProcess, ChildProcess];
const clientLost = once(client, 'exit').then(() => {
  throw new Error('The client ended before it had read everything');
});
clientLost.catch(() => {});

try {
  const contenders = await startContenders();
  // One that takes minutes needs no warm-up, and would take them again.
  const isLong = TOKENS / Number(values.rate) > 60;
  if (!isLong) for (const { running, lane } of contenders) await burst(running, lane, WARM_UP);
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const { running, lane, rounds, windows } of contenders) {
      const from = steadyMs();
      rounds.push(await burst(running, lane, BURST));
      windows.push([from, steadyMs()]);
    }
  }
  report(contenders);
  for (const running of started.splice(0)) await running.stop();
  if (values.profile) for (const contender of contenders) await reportProfile(contender);
} finally {
  for (const running of started) await running.stop();
  for (const child of [provider, client]) child.disconnect();
  await rm(home, { recursive: true, force: true });
}

async function startContenders(): Promise<Contender[]> {
  const [{ url }] = (await once(provider, 'message')) as [{ url: string }];
  const env = { ...process.env, OPENAI_API_KEY: 'sk-load', OPENAI_BASE_URL: url };
  const contenders: Contender[] = [];
  for (const [name, folder] of [
    ['before', values.against],
    ['now', path.join(import.meta.dirname, '../..')],
  ] as const) {
    if (folder === undefined) continue;
    const profiles = values.profile && profilesOf(name);
    const running = await startCheckout(path.resolve(folder), path.join(home, name), env, profiles);
    started.push(running);
    for (const lane of values.lane.split(',')) contenders.push({ name, running, lane, rounds: [], windows: [] });
  }
  return contenders;
}

async function burst(running: Running, lane: string, size: Omit<Burst, 'url' | 'body'>): Promise<Round> {
  // An answer may take as long as it is told to, and then some.
  const timeouts = { totalMs: 600_000 + (2_000 * TOKENS) / Number(values.rate) };
  const policy = { candidates: ['openai/gpt-6-sol'], cache: false, lane, timeouts };
  const body = { pattern: 'ask', input: { prompt: 'Why do rivers bend?', policy } };
  const [used, providerUsed] = [await running.usage(), await usageOf(provider.pid!)];
  client.send({ ...size, url: running.url, body } satisfies Burst);
  const memory: number[] = [];
  const sampling = setInterval(async () => memory.push((await running.usage()).Node.memoryMb), MEMORY_EVERY_MS);
  const [seen] = (await Promise.race([once(client, 'message'), clientLost])) as [Seen];
  clearInterval(sampling);
  // What is done after the last event belongs to the runs, too.
  await delay(SETTLED_AFTER_MS);
  const then = await running.usage();
  for (const part of PARTS) then[part].cpuMs -= used[part].cpuMs;
  return { ...seen, memory, used: then, providerMs: (await usageOf(provider.pid!)).cpuMs - providerUsed.cpuMs };
}

function report(contenders: Contender[]): void {
  if (values.json) {
    console.log(JSON.stringify(contenders.map(({ name, lane, rounds }) => ({ name, lane, rounds }))));
    return;
  }
  const rows = contenders.flatMap(({ name, lane, rounds }) =>
    rounds.map((round, index) => ({ label: { who: name, lane, round: String(index + 1) }, round })),
  );
  const times = rows.map(({ label, round }) => ({
    ...label,
    'first token p50, ms': at(round.firstToken, 0.5),
    'p95, ms': at(round.firstToken, 0.95),
    'gap p50, ms': at(round.gaps, 0.5),
    'p95, ms ': at(round.gaps, 0.95),
    'added p95, ms': (Number(at(round.gaps, 0.95)) - 1_000 / Number(values.rate)).toFixed(0),
    'a run p50, s': (Number(at(round.whole, 0.5)) / 1000).toFixed(1),
    'p95, s': (Number(at(round.whole, 0.95)) / 1000).toFixed(1),
    'all, s': (round.all / 1000).toFixed(1),
    'tokens an event': round.tokensAnEvent.toFixed(2),
    lost: String(round.lost),
    doubled: String(round.doubled),
    wrong: String(round.wrong),
  }));
  const costs = rows.map(({ label, round }) => ({
    ...label,
    ...Object.fromEntries(PARTS.map((part) => [`${part}, ms a run`, (round.used[part].cpuMs / RUNS).toFixed(1)])),
    'client ': (round.cpuMs / RUNS).toFixed(1),
    'provider ': (round.providerMs / RUNS).toFixed(1),
    ...Object.fromEntries(PARTS.map((part) => [`${part}, MB`, round.used[part].memoryMb.toFixed(0)])),
  }));
  console.log(`\n${table(times)}\n\n${table(costs)}`);
  for (const { label, round } of rows) {
    if (round.memory.length > 0)
      console.log(
        `\n${Object.values(label).join(', ')}: Node's memory every 20 s, MB: ${round.memory.map((mb) => mb.toFixed(0)).join(' ')}`,
      );
    if (BURST.slow > 0)
      console.log(`Slow readers had taken ${(100 * round.slowShare).toFixed(1)} % of theirs when the others were done`);
  }
}

function profilesOf(name: string): string {
  return path.resolve(values.profile!, name);
}

async function reportProfile({ name, lane, windows }: Contender): Promise<void> {
  const { packages, functions } = await selfTimes(profilesOf(name), windows);
  for (const [what, times] of Object.entries({ package: packages, function: functions })) {
    const shown = times.filter(([, ms]) => ms > 0).slice(0, what === 'package' ? 25 : 40);
    const rows = shown.map(([where, ms]) => ({
      [`${name}, ${lane}: self time by ${what}`]: where,
      'ms a run': (ms / RUNS / windows.length).toFixed(2),
    }));
    console.log(`\n${table(rows)}`);
  }
}

function at(samples: number[], share: number): string {
  const sorted = [...samples].sort((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(0);
}
