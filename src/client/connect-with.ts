import { randomUUID } from 'node:crypto';
import {
  Client,
  type ConnectionLike,
  isGrpcDeadlineError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  type WorkflowHandle,
} from '@temporalio/client';
import { oneLine, type PatternName, type PatternResult, type RunInfo } from '../contract/index.ts';
import { dataConverter } from '../runtime/data-converter.ts';
import type { OpenRooms } from '../runtime/open-rooms.ts';
import type { StoredRun } from '../store/index.ts';
import { answerApproval, pendingOf, pendingOfAll } from './approvals.ts';
import { createBudgets } from './budgets.ts';
import type { Cadenza, Outcome, StartedRun } from './cadenza.ts';
import { type CheckedStart, checkStart } from './check-start.ts';
import { endConversation, sendMessage } from './conversations.ts';
import { createMapData } from './data-sets.ts';
import { CadenzaError } from './errors.ts';
import { followRun } from './follow-run.ts';
import { fork } from './fork.ts';
import { clientError, notFound, runError } from './outcome.ts';
import { createSchedules } from './schedules.ts';
import { inputOfMap, recordResumed } from './start-map.ts';

export interface ClientParts {
  connection: ConnectionLike;
  namespace: string;
  taskQueue: string;
  rooms: OpenRooms;
  /** the connection is a worker's: runs begin in this process, without a hop through the server */
  eager: boolean;
  close?: () => Promise<void>;
}

/** A client over a connection and rooms that are open already. */
export function connectWith({
  connection,
  namespace,
  taskQueue,
  rooms,
  eager,
  close = async () => {},
}: ClientParts): Cadenza {
  const { store } = rooms;
  const temporal = new Client({ connection, namespace, dataConverter: dataConverter(store.blobs, rooms.secrets) });

  const client: Cadenza = {
    start: (pattern, input, options) =>
      client.startUnchecked(pattern, input, options) as Promise<StartedRun<typeof pattern>>,

    async startUnchecked(pattern, input, options = {}) {
      const checked = await checkStart(rooms, pattern, input, options);
      const id = checked.id ?? `${pattern}-${randomUUID()}`;
      if (checked.workflowType === 'map') checked.input = await inputOfMap(store, checked.input);
      const isNew = await startWorkflow(checked, id);
      return startedRun(id, checked.workflowType, isNew);
    },

    async result(id) {
      const outcome = await outcomeOf(handleOf(id));
      if (outcome.status === 'completed') return outcome.result;
      if (outcome.status === 'running') throw new Error('unreachable: waited without a deadline');
      throw new CadenzaError(outcome.status === 'failed' ? 'RunFailed' : 'RunCancelled', outcome.error);
    },

    async outcome(id, waitSeconds = 0) {
      const deadline = Date.now() + Math.max(250, waitSeconds * 1_000);
      return connection.withDeadline(deadline, () => outcomeOf(handleOf(id)));
    },

    events: (id, options = {}) => followRun({ temporal, store, id, ...options }),

    async show(id) {
      return infoOf(await storedRun(id));
    },

    async list(query = {}) {
      return store.runs.list(query);
    },

    async bill(id) {
      return store.ledger.bill((await storedRun(id)).chain);
    },

    async timeline(id) {
      return store.runs.timeline((await storedRun(id)).chain);
    },

    async cancel(id) {
      await asClientError(id, () => handleOf(id).cancel());
    },

    fork: (async (id, options) => {
      const old = await storedRun(id);
      const made = await asClientError(id, () =>
        fork({ temporal, rooms, namespace, start: startWorkflow }, old, options),
      );
      return 'id' in made ? startedRun(made.id, old.pattern, made.isNew) : made;
    }) as Cadenza['fork'],

    async send(id, text, options) {
      return (await client.say(id, text, options)).answer();
    },

    async say(id, text, options = {}) {
      const events = (after: number, signal?: AbortSignal) => client.events(id, { after, signal });
      return sendMessage({ temporal, connection, store, events }, await storedRun(id), text, options);
    },

    async end(id) {
      await endConversation({ temporal }, await storedRun(id));
    },

    async approvals(id) {
      return id === undefined ? pendingOfAll(store) : pendingOf(store, await storedRun(id));
    },

    async approve(id, approval, decision) {
      return answerApproval({ temporal, connection, store }, await storedRun(id), approval, decision);
    },

    ...createMapData(store, async (id) => (await storedRun(id)).chain),

    schedules: createSchedules(temporal, rooms, taskQueue),
    budgets: createBudgets(store),

    async ready() {
      await Promise.all([store.ping(), asClientError('', () => connection.ensureConnected())]);
    },

    close,
  };
  return client;

  function handleOf(id: string): WorkflowHandle {
    return temporal.workflow.getHandle(id);
  }

  /** @returns false when there was a run with this id already */
  async function startWorkflow(
    { workflowType, taskQueue: own, input, options }: CheckedStart,
    id: string,
    memo?: Record<string, unknown>,
  ): Promise<boolean> {
    try {
      const isMap = workflowType === 'map';
      const handle = await temporal.workflow.start(workflowType, {
        workflowId: id,
        taskQueue: own ?? taskQueue,
        args: Object.keys(options).length === 0 ? [input] : [input, options],
        // A map that was stopped goes on where it was.
        workflowIdReusePolicy: isMap ? 'ALLOW_DUPLICATE_FAILED_ONLY' : 'REJECT_DUPLICATE',
        workflowIdConflictPolicy: 'FAIL',
        requestEagerStart: eager && own === undefined,
        staticSummary: summaryOf(workflowType, input),
        memo,
      });
      if (isMap) await recordResumed(store, id, handle.firstExecutionRunId, options);
      return true;
    } catch (thrown) {
      if (thrown instanceof WorkflowExecutionAlreadyStartedError) return false;
      throw clientError(thrown, id);
    }
  }

  function startedRun(id: string, pattern: string, isNew: boolean): StartedRun {
    return {
      id,
      pattern,
      isNew,
      result: () => client.result(id) as Promise<PatternResult<PatternName>>,
      events: (options) => client.events(id, options),
    };
  }

  async function outcomeOf(handle: WorkflowHandle): Promise<Outcome> {
    try {
      return { status: 'completed', result: await handle.result() };
    } catch (thrown) {
      if (thrown instanceof WorkflowFailedError) return runError(thrown);
      if (isGrpcDeadlineError(thrown)) return { status: 'running' };
      throw clientError(thrown, handle.workflowId);
    }
  }

  /** The stored run; one that was started but has not reached a worker yet is known to Temporal alone. */
  async function storedRun(id: string): Promise<StoredRun> {
    const stored = await store.runs.find(id);
    if (stored) return stored;
    const description = await asClientError(id, () => handleOf(id).describe());
    if (!description.type) throw notFound(id);
    return {
      chain: description.raw.workflowExecutionInfo?.firstRunId ?? description.runId,
      id,
      pattern: description.type,
      status: 'running',
      startedAt: description.startTime.toISOString(),
      models: [],
      costUsd: 0,
    };
  }
}

function infoOf({ chain: _, ...run }: StoredRun): RunInfo {
  return run;
}

async function asClientError<Value>(id: string, act: () => Promise<Value>): Promise<Value> {
  try {
    return await act();
  } catch (thrown) {
    throw clientError(thrown, id);
  }
}

/** One line for the Temporal UI: what the run is about. */
function summaryOf(workflowType: string, input: unknown): string {
  const { prompt } = (input ?? {}) as { prompt?: unknown };
  if (typeof prompt !== 'string') return workflowType;
  return `${workflowType}: ${oneLine(prompt, 120)}`;
}
