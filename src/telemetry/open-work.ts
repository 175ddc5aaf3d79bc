import type { Registry } from 'prom-client';
import { METRIC } from './names.ts';

/** What is open in the whole installation, as its store has it. */
export interface OpenWork {
  /** runs that have not ended, by pattern */
  runs: Record<string, number>;
  /** those that runs wait for */
  approvals: number;
  /** calls that wait for room at a provider */
  waiting: { provider: string; priority: string; calls: number; longestMs: number }[];
  /** those that are not closed, by provider or model */
  circuits: { scope: string; state: string }[];
  /** of providers and models, and what is used of them */
  limits: { scope: string; counted: string; limit: number; used: number }[];
}

/** One look serves all scrapes for so long, ms. */
const LOOKED_FOR_MS = 10_000;

type Reading = [labels: Record<string, string>, value: number];

const GAUGES: { name: string; help: string; labels: string[]; read(work: OpenWork): Reading[] }[] = [
  {
    name: METRIC.openRuns,
    help: 'Runs of the whole installation that have not ended',
    labels: ['pattern'],
    read: ({ runs }) => Object.entries(runs).map(([pattern, count]) => [{ pattern }, count]),
  },
  {
    name: METRIC.approvals,
    help: 'Approvals that runs of the whole installation wait for',
    labels: [],
    read: ({ approvals }) => [[{}, approvals]],
  },
  {
    name: METRIC.circuits,
    help: 'Circuits of providers and models that are not closed: 1 for each',
    labels: ['scope', 'state'],
    read: ({ circuits }) => circuits.map(({ scope, state }) => [{ scope, state }, 1]),
  },
  {
    name: METRIC.waiting,
    help: 'Calls that wait for room at a provider',
    labels: ['provider', 'priority'],
    read: ({ waiting }) => waiting.map(({ provider, priority, calls }) => [{ provider, priority }, calls]),
  },
  {
    name: METRIC.waitingLongest,
    help: 'How long the call has waited that has waited longest',
    labels: ['provider', 'priority'],
    read: ({ waiting }) =>
      waiting.map(({ provider, priority, longestMs }) => [{ provider, priority }, longestMs / 1_000]),
  },
  {
    name: METRIC.limit,
    help: 'What a provider or model may be asked for in its window',
    labels: ['scope', 'counted'],
    read: ({ limits }) => limits.map(({ scope, counted, limit }) => [{ scope, counted }, limit]),
  },
  {
    name: METRIC.limitUsed,
    help: 'What is used of that now',
    labels: ['scope', 'counted'],
    read: ({ limits }) => limits.map(({ scope, counted, used }) => [{ scope, counted }, used]),
  },
];

/** Adds the gauges of what is open: however often somebody scrapes, the store is asked at most every 10 s. */
export function addOpenWork(
  { Gauge }: typeof import('prom-client'),
  registry: Registry,
  look: () => Promise<OpenWork>,
): void {
  let seen: { at: number; work: Promise<OpenWork | undefined> } | undefined;
  const looked = () => {
    if (!seen || performance.now() - seen.at > LOOKED_FOR_MS) {
      // A store that is away says nothing; the rest is told all the same.
      seen = { at: performance.now(), work: look().catch(() => undefined) };
    }
    return seen.work;
  };
  for (const { name, help, labels, read } of GAUGES) {
    new Gauge({
      ...{ name, help, labelNames: labels, registers: [registry] },
      async collect() {
        const work = await looked();
        this.reset();
        if (work) for (const [of, value] of read(work)) this.set(of, value);
      },
    });
  }
}
