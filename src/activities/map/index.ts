import { ApplicationFailure, Context } from '@temporalio/activity';
import {
  batchingOf,
  type CallError,
  type MapActivities,
  type MapDefinition,
  type MapProgress,
  PolicyRef,
  type RunRef,
} from '../../contract/index.ts';
import type { MapRowEnd } from '../../store/index.ts';
import { createBatchSupport } from '../batches/batched-call.ts';
import { heartbeat } from '../heartbeat.ts';
import type { Rooms } from '../rooms.ts';
import { createAnswerRows } from './answer-rows.ts';
import { loadRow } from './ask-row.ts';

/** The activities of the pattern `map`: they join the rows of its data set with what becomes of them. */
export function createMapActivities(rooms: Rooms): MapActivities {
  const { dataSets, maps, events, runs } = rooms.store;

  /** Keeps rows, and tells readers of the run how far it is when it is time to. */
  async function end(run: RunRef, rows: MapRowEnd[]): Promise<MapProgress> {
    const { progress, report } = await maps.end(run.chain, rows);
    if (report) await events.append(run, [{ type: 'map.progress', ...progress }]);
    return progress;
  }

  const knowsBatches = createBatchSupport(rooms);

  /** As far as it is told by the map, and not row by row. */
  async function isBatched({ pattern, policy, input }: Omit<MapDefinition, 'items'>): Promise<boolean> {
    if (pattern !== 'ask') return false;
    const own = PolicyRef.safeParse((input as { policy?: unknown } | undefined)?.policy);
    try {
      const resolved = rooms.providers.resolvePolicy(own.success ? own.data : policy);
      const mayWait = batchingOf(resolved) !== undefined;
      return mayWait && (await knowsBatches(resolved.candidates[0]!, Context.current().cancellationSignal));
    } catch {
      return false;
    }
  }

  return {
    async openMap(run, { items, ...definition }) {
      const stopHeartbeat = heartbeat();
      try {
        const source = definition.source ?? (await dataSets.put(items!, run.tenant)).id;
        const opened = await maps.open(run, { ...definition, source });
        if (!opened) throw refused(await whyNotOpened(rooms, run, source, definition.after ?? run.id));
        await end(run, []);
        return (await isBatched(definition)) ? { ...opened, batched: true } : opened;
      } finally {
        stopHeartbeat();
      }
    },

    answerRows: createAnswerRows(rooms, end),

    async loadRows(run, wanted) {
      const map = (await maps.find(run.chain))!;
      const rows = await maps.waiting(run.chain, wanted);
      return rows.map((row) => loadRow(map, row));
    },

    async endRows(run, rows) {
      const ends = rows.map(async ({ run: own, ...row }) => {
        const cost = own === undefined ? undefined : ((await runs.find(own))?.costUsd ?? undefined);
        return { ...row, cost };
      });
      return end(run, await Promise.all(ends));
    },

    requeueRows: (run) => maps.requeue(run.chain),

    async closeMap(run) {
      const { progress } = await maps.end(run.chain, []);
      await events.record(run, [{ type: 'map.progress', key: 'map.progress:end', ...progress }]);
      return maps.close(run.chain);
    },
  };
}

async function whyNotOpened({ store }: Rooms, { tenant }: RunRef, source: string, earlier: string): Promise<CallError> {
  if (!(await store.dataSets.find(source, tenant))) {
    return { type: 'InvalidRequest', message: `There is no data set ${source}`, path: 'input.source' };
  }
  const chain = await store.maps.chainOf(earlier, tenant);
  const why = chain ? 'went over other data' : 'is no map, or is not there';
  return { type: 'InvalidRequest', message: `The run ${earlier} ${why}`, path: 'input.after' };
}

function refused(error: CallError): ApplicationFailure {
  return ApplicationFailure.create({
    type: error.type,
    message: error.message,
    details: [error],
    nonRetryable: true,
  });
}
