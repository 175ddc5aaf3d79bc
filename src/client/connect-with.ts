import { randomUUID } from 'node:crypto';
import {
  Client,
  type ConnectionLike,
  isGrpcCancelledError,
  isGrpcDeadlineError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  type WorkflowHandle,
} from '@temporalio/client';
import { ListRuns, ListSteps, oneLine, type PatternName, type PatternResult, type RunInfo } from '../contract/index.ts';
import { dataConverter } from '../runtime/data-converter.ts';
import type { OpenRooms } from '../runtime/open-rooms.ts';
import { isRunCursor, type StoredRun } from '../store/index.ts';
import { answerApproval, pendingOf, pendingOfAll } from './approvals.ts';
import { createBudgets } from './budgets.ts';
import type { Cadenza, Outcome, StartedRun } from './cadenza.ts';
import { type CheckedStart, checkStart } from './check-start.ts';
import { endConversation, sendMessage } from './conversations.ts';
import { createMapData } from './data-sets.ts';
import { CadenzaError, checked, refusal } from './errors.ts';
import { createRunFinder } from './find-run.ts';
import { followRun } from './follow-run.ts';
import { fork } from './fork.ts';
import { clientError, runError } from './outcome.ts';
import { createSchedules } from './schedules.ts';
import { inputOfMap, recordResumed } from './start-map.ts';

/** The timer of a connection may end a little before ours, ms. */
const CLOCKS_DIFFER_MS = 50;

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
  const runs = createRunFinder(temporal, connection, rooms, taskQueue);

  const client: Cadenza = {
    start: (pattern, input, options) =>
      client.startUnchecked(pattern, input, options) as Promise<StartedRun<typeof pattern>>,

    async startUnchecked(pattern, input, options = {}) {
      const checked = await checkStart(rooms, pattern, input, options);
      const id = checked.id ?? `${pattern}-${randomUUID()}`;
      if (checked.workflowType === 'map') checked.input = await inputOfMap(store, checked.input);
      const isNew = await startWorkflow(checked, id);
      if (!isNew) await assertRun(id);
      return startedRun(id, checked.workflowType, isNew);
    },

    async result(id) {
      const outcome = await outcomeOf(handleOf(id));
      if (outcome.status === 'completed') return outcome.result;
      if (outcome.status === 'running') throw new Error('unreachable: waited without a deadline');
      throw new CadenzaError(outcome.status === 'failed' ? 'RunFailed' : 'RunCancelled', outcome.error);
    },

    async outcome(id, waitSeconds = 0) {
      await runs.find(id);
      const deadline = Date.now() + Math.max(250, waitSeconds * 1_000);
      return connection.withDeadline(deadline, () => outcomeOf(handleOf(id), deadline));
    },

    events: (id, options = {}) => followRun({ store, runs, id, ...options }),

    async show(id) {
      return infoOf(await runs.show(id));
    },

    async list(query = {}) {
      const { cursor } = checked(ListRuns, query, 'query');
      if (cursor !== undefined && !isRunCursor(cursor)) {
        throw refusal('InvalidRequest', 'cursor: It is not one that a page of this list gave', {
          path: 'query.cursor',
          hint: 'Begin without one, and go on with the nextCursor of each page',
        });
      }
      return store.runs.list(query);
    },

    async bill(id) {
      return store.ledger.bill((await runs.find(id)).chain);
    },

    async timeline(id, query) {
      const page = checked(ListSteps, query ?? {}, 'query');
      return store.runs.timeline((await runs.find(id)).chain, page);
    },

    async cancel(id) {
      const { status } = await runs.show(id);
      if (status !== 'running') throw refusal('Conflict', `The run "${id}" is ${status}: there is nothing to stop`);
      await asClientError(id, () => handleOf(id).cancel());
    },

    fork: (async (id, options) => {
      const old = await runs.find(id);
      const made = await asClientError(id, () => fork({ temporal, rooms, start: startWorkflow }, old, options));
      return 'id' in made ? startedRun(made.id, old.pattern, made.isNew) : made;
    }) as Cadenza['fork'],

    async send(id, text, options) {
      return (await client.say(id, text, options)).answer();
    },

    async say(id, text, options = {}) {
      const events = (after: number, signal?: AbortSignal) => client.events(id, { after, signal });
      return sendMessage({ temporal, connection, store, events }, await runs.find(id), text, options);
    },

    async end(id) {
      await endConversation({ temporal }, await runs.find(id));
    },

    async approvals(id) {
      return id === undefined ? pendingOfAll(store) : pendingOf(store, await runs.find(id));
    },

    async approve(id, approval, decision) {
      return answerApproval({ temporal, connection, store }, await runs.find(id), approval, decision);
    },

    ...createMapData(store, async (id) => (await runs.find(id)).chain),

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

  /** @param deadline of the wait, ms since 1970: one that runs out is no error, in whatever words a connection tells it */
  async function outcomeOf(handle: WorkflowHandle, deadline = Number.POSITIVE_INFINITY): Promise<Outcome> {
    try {
      return { status: 'completed', result: await handle.result() };
    } catch (thrown) {
      if (thrown instanceof WorkflowFailedError) return runError(thrown);
      const ranOut =
        isGrpcDeadlineError(thrown) || (isGrpcCancelledError(thrown) && Date.now() >= deadline - CLOCKS_DIFFER_MS);
      if (ranOut) return { status: 'running' };
      throw clientError(thrown, handle.workflowId);
    }
  }

  /** @throws CadenzaError where the id is that of another workflow */
  async function assertRun(id: string): Promise<void> {
    await runs.find(id).catch((thrown) => {
      if (!(thrown instanceof CadenzaError && thrown.code === 'NotFound')) throw thrown;
      const hint = 'Choose another id, or leave it out';
      throw refusal('Conflict', `The id "${id}" is taken by a workflow that is no run`, { path: 'id', hint });
    });
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
