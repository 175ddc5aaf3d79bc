/**
 * The shape of production in a storm: Temporal's server on PostgreSQL, Cadenza's own PostgreSQL, workers and gateways in
 * processes of their own, a reverse proxy before the gateways; runs of all patterns over HTTP, while processes are killed
 * with SIGKILL at random and started again. Then everything is compared: results with those of undisturbed runs, events with
 * the log, the journal and the ledger with what the provider was asked.
 *
 *   node bench/storm/run.ts [--runs 300] [--temporal <folder with server and sql>] [--workers 2] [--gateways 2]
 *     [--in-flight 25] [--every 4000] [--shards 4] [--direct] [--deploy] [--seed 1] [--logs <folder>] [--json]
 *
 * Without `--temporal` it is the development server on SQLite. `--direct`: the server takes standalone activities.
 * `--deploy`: a second build is deployed in the middle. Exit code 0 only where all was right.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { scriptedPeer } from '../../test/providers/peer.ts';
import { table } from '../first-token/statistics.ts';
import { type Audit, audited } from './audit.ts';
import { type Seen, type StormClient, stormClient } from './client.ts';
import { seeded, startKiller } from './killer.ts';
import { MARKER, stormProvider } from './replies.ts';
import { essenceOf, library, PATTERN_COUNT, POOR, poorRuns, type StormRun, stormRuns } from './runs.ts';
import { type Deployed, OLD, type SecondBuild, secondBuild } from './second-build.ts';
import { startShape } from './shape.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '300' },
    temporal: { type: 'string' },
    workers: { type: 'string', default: '2' },
    gateways: { type: 'string', default: '2' },
    'in-flight': { type: 'string', default: '25' },
    every: { type: 'string', default: '4000' },
    shards: { type: 'string', default: '4' },
    seed: { type: 'string', default: '1' },
    direct: { type: 'boolean' },
    deploy: { type: 'boolean' },
    logs: { type: 'string' },
    json: { type: 'boolean' },
  },
});
const RUNS = Number(values.runs);
const TENANTS = ['acme', 'globex', 'initech'];
/** The last tenth is of a tenant that cannot pay for all of it. */
const POOR_RUNS = Math.floor(RUNS / 15);
/** The second build comes when so much of the storm is over. */
const DEPLOYED_AT = 0.4;
/** ms between two pieces of an answer */
const PIECE_MS = 60;

const payments = new Map<string, number>();
const toolServer = await scriptedPeer((_, response, { path: asked }) => {
  const marker = MARKER.exec(asked)?.[0] ?? 'nobody';
  if (asked.startsWith('/pay')) payments.set(marker, (payments.get(marker) ?? 0) + 1);
  response.end(`done for ${marker}`);
});
const provider = await stormProvider(PIECE_MS);
const shape = await startShape({
  ...{ workers: Number(values.workers), gateways: Number(values.gateways), shards: Number(values.shards) },
  ...{
    programs: values.temporal && path.resolve(values.temporal),
    env: { ...provider.env, TOOL_SERVER: toolServer.url },
  },
  ...(values.deploy ? { build: OLD } : {}),
  ...{ standaloneActivities: values.direct, logs: values.logs && path.resolve(values.logs) },
  folder: path.resolve(import.meta.dirname, '../../test/crash/tool-belt'),
});
let stopping: Promise<void> | undefined;
const stop = () => (stopping ??= shape.stop());
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop().then(() => process.exit(130)));
try {
  const client = stormClient(shape.url, shape.apiKey);
  const second = values.deploy ? await secondBuild(shape, client, Number(values.workers)) : undefined;
  for (const [nth, tenant] of TENANTS.entries()) await client.carryOut(library(tenant, nth));
  const references = await undisturbed(client);
  const budgetUsd = 6.5 * costOf(references.get('ask')!);
  await client.ask('PUT', `/v1/budgets/${encodeURIComponent(`tenant:${POOR}`)}`, { budgetUsd });
  const storm = await throughTheStorm(client, second);
  const deployed = await second?.look(storm.seen.map(({ run }) => run));
  const audit = await audited({
    databaseUrl: shape.databaseUrl,
    provider,
    seen: storm.seen,
    references,
    payments,
    budgetUsd,
  });
  audit.problems.push(...(deployed?.problems ?? []));
  report(audit, storm, deployed);
  process.exitCode = audit.problems.length === 0 ? 0 : 1;
} finally {
  await stop();
  await provider.stop();
  await toolServer.stop();
}

/** One run of each pattern, and another: what differs between the two is not told by results. */
async function undisturbed(client: StormClient): Promise<Map<string, Seen>> {
  const runs = stormRuns(2 * PATTERN_COUNT, 9_000, () => TENANTS[0]!);
  const seen = await Promise.all(runs.map((run) => client.carryOut(run)));
  const references = new Map<string, Seen>();
  for (const one of seen) {
    const other = references.get(one.run.pattern);
    if (one.status !== 200)
      throw new Error(`${one.run.id} failed undisturbed: ${JSON.stringify(one.result ?? one.odd)}`);
    if (other && essenceOf(other.result) !== essenceOf(one.result)) {
      throw new Error(`Undisturbed results differ:\n${essenceOf(other.result)}\n${essenceOf(one.result)}`);
    }
    references.set(one.run.pattern, one);
  }
  return references;
}

interface Storm {
  seen: Seen[];
  kills: string[];
  wholeMs: number;
}

async function throughTheStorm(client: StormClient, second?: SecondBuild): Promise<Storm> {
  const own = stormRuns(RUNS - POOR_RUNS, 0, (nth) => TENANTS[nth % TENANTS.length]!);
  const waiting = mixed([...own, ...poorRuns(POOR_RUNS)]);
  const seen: Seen[] = [];
  const kills: string[] = [];
  const random = seeded(Number(values.seed));
  const begunAt = performance.now();
  const stopKiller = startKiller({
    ...{ members: shape.members, random, everyMs: Number(values.every), progress: () => seen.length / RUNS },
    onKill(name) {
      kills.push(name);
      const after = ((performance.now() - begunAt) / 1_000).toFixed(0);
      process.stderr.write(`${after} s: ${name} is killed, ${seen.length} of ${RUNS} runs are over\n`);
    },
  });
  let deploying: Promise<void> | undefined;
  const one = async () => {
    for (let run = waiting.shift(); run; run = waiting.shift()) {
      seen.push(await client.carryOut(run));
      if (seen.length > DEPLOYED_AT * RUNS) deploying ??= second?.deploy();
    }
  };
  await Promise.all(Array.from({ length: Number(values['in-flight']) }, one));
  const wholeMs = performance.now() - begunAt;
  await deploying;
  await stopKiller();
  return { seen, kills, wholeMs };
}

/** Those of the poor tenant among the others. */
function mixed(runs: StormRun[]): StormRun[] {
  const random = seeded(Number(values.seed) + 1);
  return runs
    .map((run) => ({ run, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ run }) => run);
}

function costOf({ result }: Seen): number {
  return (result as { costUsd: number }).costUsd;
}

function report(audit: Audit, { seen, kills, wholeMs }: Storm, deployed?: Deployed): void {
  const { problems, ...numbers } = audit;
  const killed = shape.members.map(({ name, killed: times, ended }) => ({ name, killed: times, ended }));
  const again = seen.reduce((sum, one) => sum + one.again, 0);
  if (values.json) {
    console.log(
      JSON.stringify({
        ...numbers,
        problems,
        kills: kills.length,
        killed,
        again,
        front: shape.front.counts,
        wholeMs,
        deployed,
      }),
    );
    return;
  }
  const rows = {
    'runs, all right': `${audit.runs - audit.wrong} of ${audit.runs}`,
    'kills (SIGKILL)': String(kills.length),
    seconds: (wholeMs / 1_000).toFixed(0),
    'events, each seen once': String(audit.events),
    'calls finished': String(audit.finished),
    'requests at the provider': String(audit.asked),
    'asked though finished': String(audit.askedAgain),
    'attempts begun': String(audit.attempts),
    'lines of the ledger': `${audit.lines.whole} whole, ${audit.lines.estimated} cut`,
    'tool that pays': `${audit.paid.runs} runs, ${audit.paid.twice} twice, ${audit.paid.interrupted} told unknown`,
    'refused by their budget': String(audit.refused),
    'requests made again by clients': String(again),
    ...(deployed && {
      'of a second build meanwhile': `${deployed.old} ended on the old one, ${deployed.moved} moved, ${deployed.fresh} began on it`,
    }),
    'passed on to another gateway, cut, refused at the front': Object.values(shape.front.counts).join(', '),
  };
  console.log(table(Object.entries(rows).map(([what, value]) => ({ what, value }))));
  console.log(
    `\n${table(killed.map(({ name, ...counts }) => ({ process: name, killed: String(counts.killed), 'ended by itself': String(counts.ended) })))}`,
  );
  for (const problem of problems) console.log(`\n${problem}`);
}
