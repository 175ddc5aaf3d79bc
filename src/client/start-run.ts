import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import {
  begunBy,
  type Caller,
  isBegunHere,
  isDirectChain,
  isDirectPattern,
  ownName,
  UNNAMED,
  UNNAMED_WORKFLOW,
} from '../contract/index.ts';
import type { OpenRooms } from '../runtime/open-rooms.ts';
import type { StoredRun } from '../store/index.ts';
import { inStartSpan } from '../telemetry/index.ts';
import { type CheckedStart, checkStart, ofCaller, type StartOptions } from './check-start.ts';
import { CadenzaError, refusal } from './errors.ts';
import { chainToBegin, type Execution, type StartOn, startExecution } from './executions.ts';
import type { RunFinder } from './find-run.ts';
import { assertSameStart, idOfKey } from './idempotency.ts';
import { clientError } from './outcome.ts';
import { inputOfMap, recordResumed } from './start-map.ts';
import { isUntold } from './untold-run.ts';

export interface RunStarter {
  /** Starts a run, or finds the one that has its id. @returns `execution` of a run that is new
   *  @throws CadenzaError before anything is started, Conflict where an idempotency key stood for another request */
  start(
    pattern: string,
    input: unknown,
    options: StartOptions,
  ): Promise<{ id: string; pattern: string; execution?: Execution }>;
  /** The same for what was checked. @returns undefined when there is a run with this id */
  begin(checked: CheckedStart, id: string, memo?: Record<string, unknown>): Promise<Execution | undefined>;
}

/** An id is that of one run: of another pattern it is not what was asked for. @throws CadenzaError Conflict */
function assertSamePattern({ id, pattern }: StoredRun, { workflowType }: CheckedStart): void {
  if (pattern === workflowType) return;
  const hint = `Choose another id, or leave it out. What that run came to: cadenza watch ${id}`;
  throw refusal('Conflict', `The id "${id}" is taken by a run of ${pattern}`, { path: 'id', hint });
}

export function createRunStarter(
  on: StartOn & { temporal: Client; rooms: OpenRooms },
  runs: RunFinder,
  caller: Caller,
): RunStarter {
  const { temporal, rooms } = on;
  const { store, secrets } = rooms;
  const { tenant } = caller;

  async function execute(checked: CheckedStart, id: string, memo?: Record<string, unknown>) {
    const { workflowType: pattern, options } = checked;
    const execution = await inStartSpan({ id, pattern, tenant: options.tenant }, () =>
      startExecution(on, checked, id, memo).catch((thrown: unknown) => {
        throw clientError(thrown, id);
      }),
    );
    if (!execution) return undefined;
    const { tenant, metadata } = options;
    runs.started({ id, chain: execution.chain, pattern, tenant, metadata });
    if (pattern === 'map') await recordResumed(store, id, execution.chain, checked);
    return execution;
  }

  /**
   * An id is used once, whichever lane it was used in. Temporal sees to that within a lane; between them whoever claims the
   * id first says which lane it is, and all who are asked for it at once tell Temporal the same.
   */
  async function begin(checked: CheckedStart, id: string, memo?: Record<string, unknown>) {
    const chain = chainToBegin(on, checked);
    if (checked.isNewId) return execute({ ...checked, chain }, id, memo);
    const asked = checked.lane === 'direct' ? (chain ?? UNNAMED) : UNNAMED_WORKFLOW;
    const has = await store.runs.claim(id, asked);
    if (has === asked) return execute({ ...checked, chain }, id, memo);
    if (has === UNNAMED_WORKFLOW) return execute({ ...checked, lane: undefined }, id, memo);
    // Temporal knows whether a map was stopped, and may go on.
    if (checked.workflowType === 'map' && !isDirectChain(has)) return execute(checked, id, memo);
    if (has !== UNNAMED && !isBegunHere(has)) return undefined;
    const mayBeDirect = memo === undefined && isDirectPattern(checked.workflowType);
    if (has === UNNAMED && mayBeDirect) return execute({ ...checked, lane: 'direct' }, id);
    const untold = await isUntold(on, store, id, has).catch((thrown: unknown) => {
      throw clientError(thrown, id);
    });
    if (!untold) return undefined;
    if (!mayBeDirect) return execute(checked, id, memo);
    return execute({ ...checked, lane: 'direct', begun: { chain: has, by: begunBy(has) } }, id);
  }

  /** @throws CadenzaError where the id is that of another workflow */
  async function runOf(id: string): Promise<StoredRun> {
    return runs.find(id).catch((thrown) => {
      if (!(thrown instanceof CadenzaError && thrown.code === 'NotFound')) throw thrown;
      const hint = 'Choose another id, or leave it out';
      throw refusal('Conflict', `The id "${id}" is taken by a workflow that is no run`, { path: 'id', hint });
    });
  }

  return {
    begin,
    async start(pattern, input, options) {
      const key = options.id === undefined ? options.idempotencyKey : undefined;
      const named = key === undefined ? options : { ...options, id: idOfKey(key) };
      const checked = await checkStart(rooms, pattern, input, ofCaller(caller, named), caller);
      const id = checked.id ?? ownName(`${pattern}-${randomUUID()}`, tenant);
      const isMap = checked.workflowType === 'map';
      if (isMap) {
        const idOf = async (earlier: string) => (await runs.find(earlier)).id;
        checked.input = await inputOfMap(store, checked.input, checked.options.tenant, idOf);
      }
      const isOneRequest = key !== undefined || options.isOneRequest;
      // A map that was stopped would go on with what is given now.
      const before = isMap && !checked.isNewId ? await store.runs.find(id) : undefined;
      if (before) assertSamePattern(before, checked);
      if (before && isOneRequest) await assertSameStart(temporal, secrets, before, checked);
      const execution = await begin(checked, id);
      const there = execution === undefined ? await runOf(id) : undefined;
      if (there) assertSamePattern(there, checked);
      if (there && isOneRequest) await assertSameStart(temporal, secrets, there, checked);
      return { id, pattern: checked.workflowType, execution };
    },
  };
}
