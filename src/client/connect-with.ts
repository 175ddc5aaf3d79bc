import { Client, type ConnectionLike } from '@temporalio/client';
import {
  type AuditWay,
  type Caller,
  isDirectChain,
  ListSteps,
  type PatternName,
  type PatternResult,
  type RunInfo,
  SpendQuery,
} from '../contract/index.ts';
import { dataConverter } from '../runtime/data-converter.ts';
import type { OpenRooms } from '../runtime/open-rooms.ts';
import type { StoredRun } from '../store/index.ts';
import { traceOnStart } from '../telemetry/index.ts';
import { answerApproval, pendingOf, pendingOfAll } from './approvals.ts';
import { auditedBy, listAudit } from './audited.ts';
import { createRunAwaiter } from './await-run.ts';
import { createBaselines } from './baselines.ts';
import { createBudgets } from './budgets.ts';
import type { Cadenza, StartedRun } from './cadenza.ts';
import { endConversation, sendMessage } from './conversations.ts';
import { createMapData } from './data-sets.ts';
import { decodePayloads } from './decode-payloads.ts';
import { checked, refusal } from './errors.ts';
import { cancelExecution, type Execution, type RunsHere } from './executions.ts';
import { createRunFinder, type RunFinder } from './find-run.ts';
import { followRun } from './follow-run.ts';
import { argumentsOf, fork } from './fork.ts';
import { createKeys } from './keys.ts';
import { listRuns } from './list-runs.ts';
import { createModels } from './models.ts';
import { openWork } from './open-work.ts';
import { clientError } from './outcome.ts';
import { createSchedules } from './schedules.ts';
import { createRunStarter } from './start-run.ts';
import { giveToolResult, steer, stopAgent, stopStep } from './steering.ts';
import { votedRuns } from './voted-runs.ts';
import { vote } from './votes.ts';

export interface ClientParts {
  connection: ConnectionLike;
  namespace: string;
  taskQueue: string;
  rooms: OpenRooms;
  /** the connection is a worker's, which takes new runs: they begin in this process, without a hop through the server */
  eager(): boolean;
  /** the worker's, which begins runs of the direct lane before Temporal has them */
  here?: RunsHere;
  /** for the audit log (default `client`) */
  via?: AuditWay;
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
  via = 'client',
  close = async () => {},
}: ClientParts): Cadenza {
  const { store } = rooms;
  const converter = dataConverter(store, rooms.secrets);
  const temporal = new Client({ connection, namespace, dataConverter: converter, interceptors: traceOnStart });
  const finder = createRunFinder(temporal, connection, rooms, taskQueue, here?.isRunning);
  const shared = { connection, taskQueue, rooms, eager, here, temporal, finder, keys: createKeys(store) };
  return clientOf(shared, { role: 'admin', from: { via } }, close);
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
  const audited = auditedBy(store, caller);
  const runs = finder.of(tenant);
  const starter = createRunStarter({ temporal, taskQueue, eager, here, rooms }, runs, caller);
  const awaiter = createRunAwaiter({ temporal, store, here }, runs);

  const client: Cadenza = {
    start: (pattern, input, options) =>
      client.startUnchecked(pattern, input, options) as Promise<StartedRun<typeof pattern>>,

    async startUnchecked(pattern, input, options = {}) {
      const { id, pattern: started, execution } = await starter.start(pattern, input, options);
      return startedRun(id, started, execution);
    },

    async result(id) {
      return awaiter.result(tenant === undefined ? id : (await runs.find(id)).id);
    },

    async outcome(id, waitSeconds = 0) {
      return awaiter.outcome(await runs.find(id), waitSeconds * 1_000);
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
      const { id: own, status, chain, tenant: whose } = await runs.show(id);
      if (status !== 'running') throw refusal('Conflict', `The run "${own}" is ${status}: there is nothing to stop`);
      await audited({ action: 'run.cancel', subject: own, tenant: whose }, () =>
        asClientError(own, () => cancelExecution(temporal, own, isDirectChain(chain))),
      );
      // Whoever is at work hears it here where Temporal does not tell: in the fast lane, and before an activity has come.
      await store.processes.stop(own, 'cancelled');
    },

    fork: (async (id, options) => {
      const old = await runs.find(id);
      const start = async (...fork: Parameters<typeof starter.begin>) => (await starter.begin(...fork))?.chain;
      const forked = () => asClientError(id, () => fork({ temporal, rooms, caller, start }, old, options));
      const details = { fromStep: options.fromStep, only: options.only, id: options.id };
      const made = options.dryRun
        ? await forked()
        : await audited({ action: 'run.fork', subject: old.id, tenant: old.tenant, details }, forked);
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
      const run = await runs.find(id);
      const details = { approval, approved: decision.approved, by: decision.by };
      return audited({ action: 'approval.answer', subject: run.id, tenant: run.tenant, details }, () =>
        answerApproval(
          { temporal, connection, store, people: rooms.config.people, caller },
          run,
          approval,
          decision,
          identities,
        ),
      );
    },

    async steer(id, text, options) {
      return steer({ temporal, connection }, await runs.find(id), text, options);
    },

    async stop(id, step) {
      const run = await runs.find(id);
      if (step === undefined && !WITH_AGENTS.includes(run.pattern)) return client.cancel(run.id);
      await audited({ action: 'run.stop', subject: run.id, tenant: run.tenant, details: { step } }, async () => {
        if (step === undefined) await stopAgent({ temporal, connection }, run);
        else await stopStep({ temporal, connection }, run, step, await store.runs.steps(run.chain));
      });
    },

    async toolResult(id, toolCall, given) {
      return giveToolResult({ temporal, connection }, await runs.find(id), toolCall, given);
    },

    ...createMapData(store, async (id) => (await runs.find(id)).chain, tenant),

    models: createModels(rooms, caller),
    votes: async (id, voter) => store.votes.of((await runs.find(id)).chain, voter),
    vote: async (id, best, voter) => vote(store, await runs.find(id), best, voter),
    votedRuns: (query) => votedRuns(store, client, query, tenant),
    baselines: createBaselines(store, tenant),
    schedules: createSchedules(temporal, rooms, taskQueue, caller),
    budgets: createBudgets(store, caller),
    keys: keys.of(caller),
    audit: (query) => listAudit(store, query, tenant),
    async decodePayloads(payloads) {
      if (tenant !== undefined) throw refusal('Forbidden', 'Payloads of Temporal do not say whose they are', {});
      return decodePayloads(temporal, payloads);
    },
    // The connection is another's to close.
    as: (other) => clientOf(shared, other, async () => {}),

    openWork: () => openWork(store, tenant),

    async ready() {
      await Promise.all([store.ping(), asClientError('', () => connection.ensureConnected())]);
    },

    close,
  };
  return client;

  /** @param execution of a run that is new */
  function startedRun(id: string, pattern: string, execution?: Execution): StartedRun {
    const direct = execution && isDirectChain(execution.chain);
    return {
      id,
      pattern,
      isNew: execution !== undefined,
      activityRunId: execution?.activityRunId,
      result: async () => (await awaiter.result(id, direct)) as PatternResult<PatternName>,
      events: (options) => client.events(id, options),
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
