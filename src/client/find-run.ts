import type { Client, ConnectionLike } from '@temporalio/client';
import { isPattern } from '../contract/index.ts';
import { closeEnded } from '../runtime/close-ended.ts';
import { describeRun, type RunDescription } from '../runtime/describe-run.ts';
import type { OpenRooms } from '../runtime/open-rooms.ts';
import type { StoredRun } from '../store/index.ts';
import { clientError, notFound } from './outcome.ts';

/** Temporal answers in some 5 ms; what the store says is shown without it where it does not, ms. */
const STATUS_WITHIN_MS = 1_000;
/** Runs remembered until they reach the store, which takes them some 20 ms */
const STARTED_AT_MOST = 1_000;

/** Runs by their ids. Other workflows of the namespace are none of ours: they are not found. */
export interface RunFinder {
  /** As the store has it; one that has not reached a worker yet is known to Temporal alone. @throws CadenzaError NotFound */
  find(id: string): Promise<StoredRun>;
  /** The same with its true status: a run may have ended without a word of its workflow. @throws CadenzaError NotFound */
  show(id: string): Promise<StoredRun>;
  /** A run that was started here is known before it reaches a worker. */
  started(run: Pick<StoredRun, 'id' | 'chain' | 'pattern'>): void;
  /** Writes the end of a run that has ended so. @returns whether it has ended */
  close(id: string): Promise<boolean>;
}

export function createRunFinder(
  temporal: Client,
  connection: ConnectionLike,
  { store, config }: Pick<OpenRooms, 'store' | 'config'>,
  patternsQueue: string,
): RunFinder {
  /** A pattern where patterns run, or a workflow that the config names. */
  function isRun({ pattern, taskQueue }: RunDescription): boolean {
    if (isPattern(pattern)) return taskQueue === patternsQueue;
    return Object.hasOwn(config.workflows, pattern) && config.workflows[pattern]?.taskQueue === taskQueue;
  }

  const startedHere = new Map<string, StoredRun>();
  const close = (id: string) => closeEnded(temporal, store, id, isRun);

  async function find(id: string): Promise<StoredRun> {
    const stored = await store.runs.find(id);
    const known = stored ?? startedHere.get(id);
    if (known) return known;
    const description = await describeRun(temporal, id).catch((thrown) => {
      throw clientError(thrown, id);
    });
    if (!isRun(description)) throw notFound(id);
    const { chain, pattern, startedAt, status } = description;
    const written = status === 'running' ? undefined : await closedRun(id);
    const begun = { chain, id, pattern, startedAt: startedAt.toISOString() };
    return written ?? { ...begun, status: 'running', models: [], costUsd: 0 };
  }

  async function closedRun(id: string): Promise<StoredRun | undefined> {
    await close(id);
    return store.runs.find(id);
  }

  return {
    find,
    close,
    started(run) {
      if (startedHere.size >= STARTED_AT_MOST) startedHere.delete(startedHere.keys().next().value!);
      startedHere.set(run.id, {
        ...run,
        status: 'running',
        startedAt: new Date().toISOString(),
        models: [],
        costUsd: 0,
      });
    },
    async show(id) {
      const run = await find(id);
      if (run.status !== 'running') return run;
      const ended = await connection.withDeadline(Date.now() + STATUS_WITHIN_MS, () => close(id)).catch(() => false);
      return ended ? ((await store.runs.find(id)) ?? run) : run;
    },
  };
}
