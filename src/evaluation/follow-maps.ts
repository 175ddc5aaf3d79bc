import type { Cadenza } from '../client/cadenza.ts';
import { CadenzaError } from '../client/errors.ts';
import type { MapItem, MapProgress } from '../contract/index.ts';

/** A map that is wanted done. */
export interface WantedMap {
  id: string;
  input: { pattern: string; source: string; input?: unknown; policy?: unknown; concurrency?: number };
  cacheScope?: string;
}

export interface MapsOptions {
  /** of each map, USD */
  budgetUsd?: number;
  metadata?: Record<string, unknown>;
  /** ends the waiting; the maps go on */
  signal?: AbortSignal;
  onProgress?(progress: { done: number; failed: number; total: number; costUsd: number | null }): void;
}

/** A map that ended, with the earlier ones over the same rows whose answers it took over. */
export interface EndedMap {
  id: string;
  earlier: string[];
  items: MapItem[];
  models: string[];
  /** with the earlier ones, USD; null where no price is known */
  costUsd: number | null;
}

/** How often rows that failed are asked once more, each time somebody asks for their map: a bound, not a plan. */
const MOST_TRIES = 100;

/**
 * Starts maps, or finds them where they are by now, and waits for them all. A map that was stopped goes on; one that ended
 * earlier with failed rows is followed by one that asks those again.
 * @throws CadenzaError of the first map that fails; the signal's reason
 */
export async function followMaps(client: Cadenza, maps: WantedMap[], options: MapsOptions): Promise<EndedMap[]> {
  const { signal, onProgress } = options;
  const latest = new Map<string, MapProgress>();
  const told = (id: string) => (progress: MapProgress) => {
    latest.set(id, progress);
    const all = [...latest.values()];
    const sum = (of: (one: MapProgress) => number) => all.reduce((total, one) => total + of(one), 0);
    const costs = all.map(({ costUsd }) => costUsd);
    onProgress?.({
      done: sum(({ done }) => done),
      failed: sum(({ failed }) => failed),
      // Maps over the same rows are alike until they have told more.
      total: sum(({ total }) => total) + (maps.length - all.length) * progress.total,
      costUsd: costs.includes(null) ? null : sum(({ costUsd }) => costUsd ?? 0),
    });
  };
  // All are started before any is waited for: whoever goes away leaves them at work.
  const started = await Promise.all(maps.map((map) => startMap(client, map, options)));
  return Promise.all(
    started.map(async ({ id, earlier }) => {
      const costs = [
        await followed(client, id, told(id), signal),
        ...(await Promise.all(earlier.map((run) => followed(client, run)))),
      ];
      signal?.throwIfAborted();
      await client.result(id);
      const runs = await Promise.all([id, ...earlier].map((run) => client.show(run)));
      return {
        ...{ id, earlier, items: await Array.fromAsync(client.output(id)) },
        models: runs.flatMap(({ models }) => models),
        costUsd: costs.includes(null) ? null : costs.reduce<number>((sum, usd) => sum + usd!, 0),
      };
    }),
  );
}

/** @returns what a map had cost when it told so last, with the runs of its rows; null where no price is known */
async function followed(
  client: Cadenza,
  id: string,
  told: (progress: MapProgress) => void = () => {},
  signal?: AbortSignal,
): Promise<number | null> {
  let costUsd: number | null = null;
  for await (const event of client.events(id, { signal })) {
    if (event.type !== 'map.progress') continue;
    told(event);
    costUsd = event.costUsd;
  }
  return costUsd;
}

async function startMap(
  client: Cadenza,
  { id: first, input, cacheScope }: WantedMap,
  { budgetUsd, metadata }: MapsOptions,
): Promise<{ id: string; earlier: string[] }> {
  const earlier: string[] = [];
  for (let id = first; earlier.length < MOST_TRIES; id = `${first}-try${earlier.length + 1}`) {
    const after = earlier.at(-1);
    const started = await client.startUnchecked('map', after === undefined ? input : { ...input, after }, {
      id,
      budgetUsd,
      metadata,
      cacheScope,
    });
    if (started.isNew || !(await endedWithFailures(client, started.id))) return { id: started.id, earlier };
    earlier.push(started.id);
  }
  return { id: earlier.pop()!, earlier };
}

async function endedWithFailures(client: Cadenza, id: string): Promise<boolean> {
  const ended = await client.outcome(id, 0);
  if (ended.status === 'running') return false;
  if (ended.status !== 'completed') throw new CadenzaError('RunFailed', ended.error);
  return (ended.result as { failed: number }).failed > 0;
}

/** @returns the id of the data set that has these rows */
export async function uploadRows(client: Cadenza, items: unknown[]): Promise<string> {
  async function* lines() {
    for (const item of items) yield `${JSON.stringify(item)}\n`;
  }
  return (await client.upload(lines(), 'jsonl')).id;
}
