/**
 * The gateway's `/v1/chat/completions` beside the bare SDK and beside LiteLLM's proxy, in one run, all asked by the same
 * `openai` client in a process of its own, all asking one provider on this machine that answers at once. What runs of
 * Cadenza is what `npm start` runs. Contenders take turns within each round. With `--against`, another checkout is raced too.
 *
 *   node bench/gateway/run.ts [--rounds 3] [--single 40] [--calls 400] [--peer <folder of a virtual environment> | --no-peer]
 *     [--workers 2] [--against <folder>] [--json]
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { cpuMsOf } from '../first-token/processes.ts';
import { pairedRatio, quantile, table } from '../first-token/statistics.ts';
import { type Running, startCheckout } from '../load/checkout.ts';
import type { Load, Seen } from './client.ts';
import { startLitellm } from './litellm.ts';

const { values } = parseArgs({
  allowNegative: true,
  options: {
    rounds: { type: 'string', default: '3' },
    single: { type: 'string', default: '40' },
    calls: { type: 'string', default: '400' },
    peer: { type: 'boolean', default: true },
    'peer-folder': { type: 'string', default: '.cadenza/tools/litellm' },
    workers: { type: 'string', default: '2' },
    against: { type: 'string' },
    json: { type: 'boolean' },
  },
});
const MODEL = 'gpt-6-sol';
const CALLS = Number(values.calls);
const SETTLED_AFTER_MS = 1_000;

/** What is asked of every contender in every round. */
const LOADS = {
  'one after the other, streamed': { stream: true, calls: Number(values.single), atOnce: 1 },
  'one after the other, whole': { stream: false, calls: Number(values.single), atOnce: 1 },
  '32 at once, streamed': { stream: true, calls: CALLS, atOnce: 32 },
  '32 at once, whole': { stream: false, calls: CALLS, atOnce: 32 },
  '200 at once, streamed': { stream: true, calls: CALLS, atOnce: 200 },
} satisfies Record<string, Omit<Load, 'baseURL' | 'model'>>;

interface Contender {
  name: string;
  baseURL: string;
  model: string;
  /** all below them are its own */
  pids: number[];
  seen: Record<string, (Seen & { cpuMs: number })[]>;
}

const home = await mkdtemp(path.join(os.tmpdir(), 'cadenza-gateway-'));
// Root's PostgreSQL runs as another user, who must get in.
await chmod(home, 0o755);
await using opened = new AsyncDisposableStack();
opened.defer(() => rm(home, { recursive: true, force: true }));
const provider = fork(path.join(import.meta.dirname, 'provider.ts'));
opened.defer(() => provider.disconnect());
const [{ url }] = (await once(provider, 'message')) as [{ url: string }];
const client = fork(path.join(import.meta.dirname, 'client.ts'));
opened.defer(() => client.disconnect());
await once(client, 'message');

const contenders: Contender[] = [{ name: 'bare SDK', baseURL: `${url}/v1`, model: MODEL, pids: [], seen: {} }];
const env = { ...process.env, OPENAI_API_KEY: 'sk-bench', OPENAI_BASE_URL: url };
const here = path.join(import.meta.dirname, '../..');
for (const [name, folder] of [
  ['Cadenza, before', values.against],
  ['Cadenza', here],
] as const) {
  if (folder === undefined) continue;
  const running: Running = await startCheckout(path.resolve(folder), path.join(home, name.replaceAll(/\W/g, '')), env);
  opened.defer(() => running.stop());
  contenders.push({ name, baseURL: `${running.url}/v1`, model: `openai/${MODEL}`, pids: [running.pid], seen: {} });
}
if (values.peer) {
  const peer = await startLitellm(path.resolve(values['peer-folder']), home, url, MODEL, Number(values.workers));
  opened.defer(() => peer.stop());
  const { baseURL, version, pid } = peer;
  contenders.push({ name: `LiteLLM ${version}`, baseURL, model: MODEL, pids: [pid], seen: {} });
}

for (const contender of contenders) await round(contender, { stream: true, calls: 60, atOnce: 8 });
for (let nth = 0; nth < Number(values.rounds); nth += 1) {
  for (const [name, load] of Object.entries(LOADS)) {
    for (const contender of contenders) {
      contender.seen[name] ??= [];
      contender.seen[name].push(await round(contender, load));
    }
  }
}
report();

async function round({ name, baseURL, model, pids }: Contender, load: Omit<Load, 'baseURL' | 'model'>) {
  const before = pids.length === 0 ? 0 : cpuMsOf(pids);
  const seen = await asked(client, { baseURL, model, ...load });
  if (seen.wrong > 0) throw new Error(`${name}: ${seen.wrong} of ${load.calls} answers are wrong. ${seen.error ?? ''}`);
  // What is done after the answer belongs to it, too.
  await delay(SETTLED_AFTER_MS);
  return { ...seen, cpuMs: pids.length === 0 ? 0 : cpuMsOf(pids) - before };
}

async function asked(child: ChildProcess, load: Load): Promise<Seen> {
  child.send(load);
  const [seen] = (await once(child, 'message')) as [Seen];
  return seen;
}

function report(): void {
  if (values.json) {
    console.log(JSON.stringify(contenders.map(({ name, seen }) => ({ name, seen }))));
    return;
  }
  const [bare] = contenders as [Contender];
  for (const [title, { stream, calls, atOnce }] of Object.entries(LOADS)) {
    const rows = contenders.map(({ name, seen, pids }) => {
      const rounds = seen[title]!;
      const [first, whole] = [rounds.flatMap((one) => one.first), rounds.flatMap((one) => one.whole)];
      const times = stream ? first : whole;
      const bareTimes = bare.seen[title]!.flatMap((one) => (stream ? one.first : one.whole));
      const ms = (samples: number[], share: number) => quantile(samples, share).toFixed(1);
      const median = (of: (one: (typeof rounds)[number]) => number) => quantile(rounds.map(of), 0.5);
      return {
        [title]: name,
        ...(stream ? { 'first word p50, ms': ms(first, 0.5), 'p95, ms': ms(first, 0.95) } : {}),
        'whole call p50, ms': ms(whole, 0.5),
        'p95, ms ': ms(whole, 0.95),
        ...(atOnce === 1
          ? { 'ms more than bare': (quantile(times, 0.5) - quantile(bareTimes, 0.5)).toFixed(1) }
          : { 'calls/s': median(({ all }) => (calls * 1000) / all).toFixed(1) }),
        ratio: pairedRatio(times, bareTimes).toFixed(2),
        'CPU ms a call': pids.length === 0 ? '-' : median(({ cpuMs }) => cpuMs / calls).toFixed(1),
      };
    });
    console.log(`\n${table(rows)}`);
  }
}
