import { randomUUID } from 'node:crypto';
import {
  ActivityExecutionFailedError,
  Client,
  type ConnectionLike,
  isGrpcCancelledError,
  isGrpcDeadlineError,
  ServiceError,
  WorkflowFailedError,
} from '@temporalio/client';
import {
  type Caller,
  isDirectChain,
  ListSteps,
  ownName,
  type PatternName,
  type PatternResult,
  type RunInfo,
  SpendQuery,
} from '../contract/index.ts';
import { dataConverter } from '../runtime/data-converter.ts';
import type { OpenRooms } from '../runtime/open-rooms.ts';
import type { StoredRun } from '../store/index.ts';
import { answerApproval, pendingOf, pendingOfAll } from './approvals.ts';
import { createBudgets } from './budgets.ts';
import type { Cadenza, Outcome, StartedRun } from './cadenza.ts';
import { type CheckedStart, checkStart, ofCaller } from './check-start.ts';
import { endConversation, sendMessage } from './conversations.ts';
import { createMapData } from './data-sets.ts';
import { CadenzaError, checked, refusal } from './errors.ts';
import { cancelExecution, type Execution, type RunsHere, resultOf, startExecution } from './executions.ts';
import { createRunFinder, type RunFinder } from './find-run.ts';
import { followRun } from './follow-run.ts';
import { argumentsOf, fork } from './fork.ts';
import { assertSameStart, idOfKey } from './idempotency.ts';
import { createKeys } from './keys.ts';
import { listRuns } from './list-runs.ts';
import { createModels } from './models.ts';
import { clientError, runError } from './outcome.ts';
import { createSchedules } from './schedules.ts';
import { inputOfMap, recordResumed } from './start-map.ts';
import { giveToolResult, steer, stopAgent, stopStep } from './steering.ts';
import { vote } from './votes.ts';

/** The timer of a connection may end a little before ours, ms. */
const CLOCKS_DIFFER_MS = 50;

export interface ClientParts {
  connection: ConnectionLike;
  namespace: string;
  taskQueue: string;
  rooms: OpenRooms;
  /** the connection is a worker's: runs begin in this process, without a hop through the server */
  eager: boolean;
  /** the worker's, which begins runs of the direct lane before Temporal has them */
  here?: RunsHere;
  close?: () => Promise<void>;
}

/** Patterns whose agents end with what they have when they are told to stop. */
const WITH_AGENTS = ['agent', 'crew', 'plan'];

/** A client over a connection and rooms that are open already. */
export function connectWith({
  connection,
  namespace,
  taskQueue,
  rooms,
  eager,
  here,
  close = async () => {},
}: ClientParts): Cadenza {
  const { store } = rooms;
  const temporal = new Client({ connection, namespace, dataConverter: dataConverter(store.blobs, rooms.secrets) });
  const finder = createRunFinder(temporal, connection, rooms, taskQueue, here?.isRunning);
  const shared = { connection, taskQueue, rooms, eager, here, temporal, finder, keys: createKeys(store) };
  return clientOf(shared, { role: 'admin' }, close);
}

/** What the clients of all callers share. */
interface Shared extends Pick<ClientParts, 'connection' | 'taskQueue' | 'rooms' | 'eager' | 'here'> {
  temporal: Client;
  finder: RunFinder;
  keys: ReturnType<typeof createKeys>;
}

/** What a caller may know and do. */
function clientOf(shared: Shared, caller: Caller, close: () => Promise<void>): Cadenza {
  const { connection, taskQueue, rooms, eager, here, temporal, finder, keys } = shared;
  const { store } = rooms;
  const { tenant } = caller;
  const runs = finder.of(tenant);

  const client: Cadenza = {
    start: (pattern, input, options) =>
      client.startUnchecked(pattern, input, options) as Promise<StartedRun<typeof pattern>>,

    async startUnchecked(pattern, input, options = {}) {
      const key = options.id === undefined ? options.idempotencyKey : undefined;
      const named = key === undefined ? options : { ...options, id: idOfKey(key) };
      const checked = await checkStart(rooms, pattern, input, ofCaller(caller, named), caller);
      const id = checked.id ?? ownName(`${pattern}-${randomUUID()}`, tenant);
      if (checked.workflowType === 'map') {
        const idOf = async (earlier: string) => (await runs.find(earlier)).id;
        checked.input = await inputOfMap(store, checked.input, checked.options.tenant, idOf);
      }
      // A map that was stopped would go on with what is given now.
      const isOneRequest = key !== undefined || options.isOneRequest;
      const before = isOneRequest && checked.workflowType === 'map' ? await store.runs.find(id) : undefined;
      if (before) await assertSameStart(temporal, rooms.secrets, before, checked);
      const execution = await startNew(checked, id);
      const there = execution === undefined ? await assertRun(id) : undefined;
      if (there && isOneRequest) await assertSameStart(temporal, rooms.secrets, there, checked);
      return startedRun(id, checked.workflowType, execution);
    },

    async result(id) {
      const own = tenant === undefined ? id : (await runs.find(id)).id;
      return resultIn(await outcomeOf(own));
    },

    async outcome(id, waitSeconds = 0) {
      const { id: own, chain, status } = await runs.find(id);
      if (status === 'completed') return outcomeOf(own);
      const waitMs = Math.max(250, waitSeconds * 1_000);
      const deadline = Date.now() + waitMs;
      if (isDirectChain(chain)) return (await ends(own, chain, waitMs)) ? outcomeOf(own, true) : { status: 'running' };
      return connection.withDeadline(deadline, () => outcomeOf(own, false, deadline));
    },

    async *events(id, options = {}) {
      const { id: own, chain } = await runs.toRead(id).catch(async (thrown) => {
        if (tenant !== undefined) throw thrown;
        // A workflow that is no run as far as we know may become one with its first step.
        await asClientError(id, () => runs.close(id));
        return { id, chain: undefined };
      });
      for await (const page of followRun({ store, runs, id: own, chain, ...options })) yield* page;
    },

    async follow(id, options = {}) {
      const { id: own, chain, status } = await runs.toRead(id);
      return { status, pages: followRun({ store, runs, id: own, chain, ...options }) };
    },

    async show(id) {
      return infoOf(await runs.show(id));
    },

    list: (query) => listRuns(store.runs, tenant === undefined ? query : { ...query, tenant }),

    async bill(id) {
      return store.ledger.bill((await runs.find(id)).chain);
    },

    async input(id) {
      const run = await runs.find(id);
      const [input] = await asClientError(id, () => argumentsOf(temporal, run));
      return { id: run.id, pattern: run.pattern, input };
    },

    spend: async (query = {}) => {
      checked(SpendQuery, query, 'query');
      return store.ledger.spend(tenant === undefined ? query : { ...query, tenant });
    },

    async timeline(id, query) {
      const page = checked(ListSteps, query ?? {}, 'query');
      return store.runs.timeline((await runs.find(id)).chain, page);
    },

    async cancel(id) {
      const { id: own, status, chain } = await runs.show(id);
      if (status !== 'running') throw refusal('Conflict', `The run "${own}" is ${status}: there is nothing to stop`);
      await asClientError(own, () => cancelExecution(temporal, own, isDirectChain(chain)));
    },

    fork: (async (id, options) => {
      const old = await runs.find(id);
      const start = async (...fork: Parameters<typeof begin>) => (await begin(...fork))?.chain;
      const made = await asClientError(id, () => fork({ temporal, rooms, caller, start }, old, options));
      return 'id' in made
        ? startedRun(made.id, old.pattern, made.chain === undefined ? undefined : { chain: made.chain })
        : made;
    }) as Cadenza['fork'],

    async send(id, text, options) {
      return (await client.say(id, text, options)).answer();
    },

    async say(id, text, options = {}) {
      const run = await runs.find(id);
      const events = (after: number, signal?: AbortSignal) => client.events(run.id, { after, signal });
      return sendMessage({ temporal, connection, store, events }, run, text, options);
    },

    async end(id) {
      await endConversation({ temporal }, await runs.find(id));
    },

    async approvals(id) {
      return id === undefined ? pendingOfAll(store, tenant) : pendingOf(store, await runs.find(id));
    },

    async approve(id, approval, decision, identities) {
      return answerApproval({ temporal, connection, store }, await runs.find(id), approval, decision, identities);
    },

    async steer(id, text) {
      return steer({ temporal, connection }, await runs.find(id), text);
    },

    async stop(id, step) {
      const run = await runs.find(id);
      if (step !== undefined) return stopStep({ temporal, connection }, run, step, await store.runs.steps(run.chain));
      await (WITH_AGENTS.includes(run.pattern) ? stopAgent({ temporal, connection }, run) : client.cancel(run.id));
    },

    async toolResult(id, toolCall, given) {
      return giveToolResult({ temporal, connection }, await runs.find(id), toolCall, given);
    },

    ...createMapData(store, async (id) => (await runs.find(id)).chain, tenant),

    models: createModels(rooms, caller),
    votes: async (id, voter) => store.votes.of((await runs.find(id)).chain, voter),
    vote: async (id, best, voter) => vote(store, await runs.find(id), best, voter),
    schedules: createSchedules(temporal, rooms, taskQueue, caller),
    budgets: createBudgets(store, tenant),
    keys: keys.of(tenant),
    // The connection is another's to close.
    as: (other) => clientOf(shared, other, async () => {}),

    async ready() {
      await Promise.all([store.ping(), asClientError('', () => connection.ensureConnected())]);
    },

    close,
  };
  return client;

  /** An id is used once, whichever lane it was used in. */
  async function startNew(checked: CheckedStart, id: string): Promise<Execution | undefined> {
    const other = checked.isNewId || checked.workflowType === 'map' ? undefined : await store.runs.find(id);
    return other ? undefined : begin(checked, id);
  }

  /** @returns undefined when there was a run with this id already */
  async function begin(checked: CheckedStart, id: string, memo?: Record<string, unknown>) {
    const on = { temporal, taskQueue, eager, here };
    const { workflowType: pattern, options } = checked;
    const execution = await asClientError(id, () => startExecution(on, checked, id, memo));
    if (!execution) return undefined;
    runs.started({ id, chain: execution.chain, pattern, tenant: options.tenant });
    if (pattern === 'map') await recordResumed(store, id, execution.chain, options);
    return execution;
  }

  /** @param execution of a run that is new */
  function startedRun(id: string, pattern: string, execution?: Execution): StartedRun {
    const direct = execution && isDirectChain(execution.chain);
    return {
      id,
      pattern,
      isNew: execution !== undefined,
      activityRunId: execution?.activityRunId,
      result: async () => resultIn(await outcomeOf(id, direct)) as PatternResult<PatternName>,
      events: (options) => client.events(id, options),
    };
  }

  /** @param deadline of the wait, ms since 1970: one that runs out is no error, in whatever words a connection tells it */
  async function outcomeOf(id: string, direct?: boolean, deadline = Number.POSITIVE_INFINITY): Promise<Outcome> {
    try {
      const found = await here?.result(id);
      return { status: 'completed', result: found ? found.result : await resultOf(temporal, id, direct) };
    } catch (thrown) {
      if (thrown instanceof WorkflowFailedError || thrown instanceof ActivityExecutionFailedError)
        return runError(thrown);
      const cause = thrown instanceof ServiceError ? thrown.cause : thrown;
      const ranOut =
        isGrpcDeadlineError(cause) || (isGrpcCancelledError(cause) && Date.now() >= deadline - CLOCKS_DIFFER_MS);
      if (ranOut) return { status: 'running' };
      throw clientError(thrown, id);
    }
  }

  /** Whether a run ends in time, as its events say: Temporal has no wait for an activity that a deadline ends well. */
  async function ends(id: string, chain: string, waitMs: number): Promise<boolean> {
    const after = await store.runs.newestSeq(chain);
    if ((await runs.show(id)).status !== 'running') return true;
    const signal = AbortSignal.timeout(waitMs);
    for await (const _ of client.events(id, { after, signal }));
    return !signal.aborted;
  }

  /** @throws CadenzaError where the id is that of another workflow */
  async function assertRun(id: string): Promise<StoredRun> {
    return runs.find(id).catch((thrown) => {
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

/** @throws CadenzaError if the run failed or was cancelled */
function resultIn(outcome: Outcome): unknown {
  if (outcome.status === 'completed') return outcome.result;
  if (outcome.status === 'running') throw new Error('unreachable: waited without a deadline');
  throw new CadenzaError(outcome.status === 'failed' ? 'RunFailed' : 'RunCancelled', outcome.error);
}
