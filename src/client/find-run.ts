import { randomUUID } from 'node:crypto';
import type { Client, ConnectionLike } from '@temporalio/client';
import { isPattern, ownName, RunOptions, withoutUndefined } from '../contract/index.ts';
import { closeEnded } from '../runtime/close-ended.ts';
import { describeRun, orNothing, type RunDescription } from '../runtime/describe-run.ts';
import type { OpenRooms } from '../runtime/open-rooms.ts';
import type { StoredRun } from '../store/index.ts';
import { clientError, notFound } from './outcome.ts';

/** Temporal answers in some 5 ms; what the store says is shown without it where it does not, ms. */
const STATUS_WITHIN_MS = 1_000;
/** Runs remembered until they reach the store, which takes them some 20 ms */
const STARTED_AT_MOST = 1_000;

/**
 * Runs by their ids: the one place that says whose a run is. Other workflows of the namespace are none of ours, and to a
 * tenant another's runs are as if they were nowhere: the same is asked of store and Temporal, and the same is said.
 */
export interface RunFinder {
  /** As the store has it; one that has not reached a worker yet is known to Temporal alone. Its `id` is the whole one: a
   *  tenant may leave its own name out. @throws CadenzaError NotFound */
  find(id: string): Promise<StoredRun>;
  /** The same for who is about to read its events: nobody is asked of one that is running in this process. */
  toRead(id: string): Promise<StoredRun>;
  /** The same with its true status: a run may have ended without a word of its workflow. @throws CadenzaError NotFound */
  show(id: string): Promise<StoredRun>;
  /** A run that was started here is known before it reaches a worker. */
  started(run: Pick<StoredRun, 'id' | 'chain' | 'pattern' | 'tenant' | 'metadata'>): void;
  /** Writes the end of a run that has ended so. @returns whether it has ended */
  close(id: string): Promise<boolean>;
  /** The same for what is the tenant's. */
  of(tenant: string | undefined): RunFinder;
}

export function createRunFinder(
  temporal: Client,
  connection: ConnectionLike,
  { store, config }: Pick<OpenRooms, 'store' | 'config'>,
  patternsQueue: string,
  isRunningHere: (id: string) => boolean = () => false,
): RunFinder {
  /** A pattern where patterns run, or a workflow that the config names. */
  function isRun({ pattern, taskQueue }: RunDescription): boolean {
    if (isPattern(pattern)) return taskQueue === patternsQueue;
    return Object.hasOwn(config.workflows, pattern) && config.workflows[pattern]?.taskQueue === taskQueue;
  }

  const startedHere = new Map<string, StoredRun>();
  const close = async (id: string) => !isRunningHere(id) && closeEnded(temporal, store, id, isRun);

  function of(tenant: string | undefined): RunFinder {
    const idsOf = (id: string) => [...new Set([ownName(id, tenant), id])];
    const isOurs = (run: Pick<StoredRun, 'tenant'>) => tenant === undefined || run.tenant === tenant;
    const inStore = async (id: string) => (await store.runs.findEach([id])).find(isOurs);

    async function find(id: string): Promise<StoredRun> {
      const ids = idsOf(id);
      const there = [
        ...(await store.runs.findEach(ids)),
        ...ids.map((each) => startedHere.get(each)).filter((run) => run !== undefined),
      ];
      const known = ids.flatMap((each) => there.find((run) => run.id === each && isOurs(run)) ?? [])[0];
      if (known) return known;
      // Where it is another's Temporal is asked for as much, so that the time taken says nothing of it.
      const asked = ids.map((each) => inTemporal(there.some((run) => run.id === each) ? randomUUID() : each));
      const found = await Promise.all(asked).catch((thrown) => {
        throw clientError(thrown, id);
      });
      const run = found.find((each) => each !== undefined);
      if (!run) throw notFound(id);
      return run;
    }

    async function inTemporal(id: string): Promise<StoredRun | undefined> {
      const description = await orNothing(describeRun(temporal, id));
      if (!description || !isRun(description)) return undefined;
      const { chain, pattern, startedAt, status } = description;
      const begun = { chain, id, pattern, startedAt: startedAt.toISOString(), ...(await optionsOf(description)) };
      if (!isOurs(begun)) return undefined;
      const written = status === 'running' ? undefined : await closedRun(id);
      return written ?? { ...begun, status: 'running', models: [], costUsd: 0 };
    }

    async function closedRun(id: string): Promise<StoredRun | undefined> {
      await close(id);
      return inStore(id);
    }

    /** Of what it was started with. One whose history says nothing of a tenant is nobody's. */
    async function optionsOf({ startedWith }: RunDescription): Promise<Pick<StoredRun, 'tenant' | 'metadata'>> {
      const [, given] = await startedWith().catch(() => []);
      const { tenant, metadata } = (given ?? {}) as Record<string, unknown>;
      const { shape } = RunOptions;
      return withoutUndefined({
        tenant: shape.tenant.safeParse(tenant).data,
        metadata: shape.metadata.safeParse(metadata).data,
      });
    }

    return {
      of,
      find,
      async toRead(id) {
        const started = startedHere.get(ownName(id, tenant));
        return started && isOurs(started) && isRunningHere(started.id) ? started : find(id);
      },
      close,
      started(run) {
        if (startedHere.size >= STARTED_AT_MOST) startedHere.delete(startedHere.keys().next().value!);
        const startedAt = new Date().toISOString();
        startedHere.set(run.id, { ...run, status: 'running', startedAt, models: [], costUsd: 0 });
      },
      async show(id) {
        const run = await find(id);
        if (run.status !== 'running') return run;
        const soon = Date.now() + STATUS_WITHIN_MS;
        const ended = await connection.withDeadline(soon, () => close(run.id)).catch(() => false);
        return ended ? ((await inStore(run.id)) ?? run) : run;
      },
    };
  }
  return of(undefined);
}
