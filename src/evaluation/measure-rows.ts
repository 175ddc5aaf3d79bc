import type { Cadenza } from '../client/cadenza.ts';
import { CadenzaError } from '../client/errors.ts';
import type { BillLine } from '../contract/index.ts';
import { type PriceOverrides, priceOf } from '../providers/index.ts';
import type { EndedMap } from './follow-maps.ts';

/** What a row cost and took. */
export interface Measured {
  /** USD, answers from the cache at their price; null where a price is not known */
  costUsd: number | null;
  /** null where the cache answered */
  latencyMs: number | null;
}

/** Rows that are runs of their own, read at once. */
const AT_ONCE = 16;
const STEP_OF_ROW = /^row\/(\d+)(?=$|[/#])/;

/** What each row of a map cost and took, by its number. @param pattern of the rows */
export async function measureRows(
  client: Cadenza,
  map: EndedMap,
  pattern: string,
  prices: PriceOverrides = {},
): Promise<Map<number, Measured>> {
  return pattern === 'ask' ? measureSteps(client, map, prices) : measureRuns(client, map, prices);
}

/** Where rows are steps of the map itself. */
async function measureSteps(client: Cadenza, { id, earlier, items }: EndedMap, prices: PriceOverrides) {
  const bills = await Promise.all([...earlier, id].map((run) => client.bill(run)));
  const lines = Map.groupBy(
    bills.flatMap(({ calls }) => calls),
    ({ step }) => Number(STEP_OF_ROW.exec(step)?.[1]),
  );
  const latencies = new Map<number, number | null>();
  for (const run of [...earlier, id]) for (const [row, ms] of await latenciesOf(client, run)) latencies.set(row, ms);
  return new Map(
    items.map(({ row }) => [
      row,
      { costUsd: fullPrice(lines.get(row) ?? [], prices), latencyMs: latencies.get(row) ?? null },
    ]),
  );
}

async function latenciesOf(client: Cadenza, run: string): Promise<[row: number, ms: number | null][]> {
  const latencies: [number, number | null][] = [];
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page = await client.timeline(run, { after });
    for (const { step, startedAt, endedAt, calls } of page.steps) {
      const row = Number(STEP_OF_ROW.exec(step)?.[1]);
      if (Number.isNaN(row) || step !== `row/${row}` || endedAt === undefined) continue;
      const isCached = calls.some(({ cached }) => cached);
      latencies.push([row, isCached ? null : Date.parse(endedAt) - Date.parse(startedAt)]);
    }
    after = page.nextAfter;
  }
  return latencies;
}

/** Where each row is a run of its own: that of the latest try that has one. */
async function measureRuns(client: Cadenza, { id, earlier, items }: EndedMap, prices: PriceOverrides) {
  const measured = new Map<number, Measured>();
  for (let start = 0; start < items.length; start += AT_ONCE) {
    const page = items.slice(start, start + AT_ONCE).map(async ({ row }) => {
      for (const run of [id, ...earlier.toReversed()]) {
        const found = await measureRun(client, `${run}/${row}`, prices);
        if (found) return measured.set(row, found);
      }
      return measured.set(row, { costUsd: null, latencyMs: null });
    });
    await Promise.all(page);
  }
  return measured;
}

async function measureRun(client: Cadenza, run: string, prices: PriceOverrides): Promise<Measured | undefined> {
  try {
    const [{ startedAt, endedAt }, { calls }] = await Promise.all([client.show(run), client.bill(run)]);
    const isCached = calls.some(({ cached }) => cached);
    return {
      costUsd: fullPrice(calls, prices),
      latencyMs: isCached || endedAt === undefined ? null : Date.parse(endedAt) - Date.parse(startedAt),
    };
  } catch (error) {
    if (error instanceof CadenzaError && error.code === 'NotFound') return undefined;
    throw error;
  }
}

/** As if no cache of ours had answered. */
function fullPrice(lines: BillLine[], prices: PriceOverrides): number | null {
  return lines.reduce<number | null>((sum, { cached, model, usage, costUsd }) => {
    const usd = cached ? priceOf(model, usage, prices) : costUsd;
    return sum === null || usd === null ? null : sum + usd;
  }, 0);
}
