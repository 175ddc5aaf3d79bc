import {
  ActivityExecutionAlreadyStartedError,
  type ActivityOptions,
  type Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { type Duration, defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import {
  type BegunRun,
  chainOfDirect,
  isHandedOver,
  oneLine,
  queuePlaceOf,
  RUN_DIRECT,
  type RunOptions,
} from '../contract/index.ts';
import { describeRun, grpcCodeOf, isUnimplemented, orNothing } from '../runtime/describe-run.ts';
import type { CheckedStart } from './check-start.ts';

const PATTERN = defineSearchAttributeKey('CadenzaPattern', SearchAttributeType.KEYWORD);
const TENANT = defineSearchAttributeKey('CadenzaTenant', SearchAttributeType.KEYWORD);

/** As with calls: a worker is known by its heartbeats, and attempts are only lost with their workers. */
const DIRECT = {
  startToCloseTimeout: '30 days',
  heartbeatTimeout: '8 seconds',
  retry: { initialInterval: '100 ms', maximumInterval: '10 s', maximumAttempts: 200 },
  idReusePolicy: 'REJECT_DUPLICATE',
  idConflictPolicy: 'FAIL',
} satisfies Partial<ActivityOptions>;

export interface StartOn {
  temporal: Client;
  /** of the patterns */
  taskQueue: string;
  /** runs begin in this process, without a hop through the server */
  eager(): boolean;
  here?: RunsHere;
}

/** Begins runs of the direct lane in this process, while Temporal is told of them. */
export interface RunsHere {
  /** For one to begin with; undefined where none may */
  newChain(): string | undefined;
  /** @param run with an id that nobody used, or that its chain has claimed @returns undefined where it is to begin as any other */
  begin(run: {
    id: string;
    chain: string;
    pattern: string;
    input: unknown;
    options: RunOptions;
  }): BegunHere | undefined;
  isRunning(id: string): boolean;
  /** What a run gives that began here not long ago; undefined where Temporal is to be asked. */
  result(id: string): Promise<{ result: unknown } | undefined> | undefined;
}

export interface BegunHere {
  begun: BegunRun;
  /** Before that no worker needs to be told of it; undefined where Temporal knows no such delay */
  workerAfter?: Duration;
  /** Temporal knows none. */
  refuseDelay(): void;
  /** Temporal has it. @param activityRun of the activity that is to come only if the run takes longer */
  known(activityRun?: string): void;
  /** Temporal did not take it: it ends. */
  abandon(cause: unknown): void;
}

/** An execution of Temporal's, by which a run is known. */
export interface Execution {
  chain: string;
  /** of a run in the direct lane */
  activityRunId?: string;
}

/** Starts a run as a workflow, or in the direct lane as one activity. @returns undefined when there is one with this id */
export async function startExecution(
  on: StartOn,
  checked: CheckedStart,
  id: string,
  memo?: Record<string, unknown>,
): Promise<Execution | undefined> {
  try {
    if (checked.lane === 'direct') return await startDirect(on, checked, id);
  } catch (thrown) {
    if (thrown instanceof ActivityExecutionAlreadyStartedError) return undefined;
    // A server that knows no such activities runs it as a workflow.
    if (!isUnimplemented(thrown)) throw thrown;
  }
  return startWorkflow(on, checked, id, memo);
}

/** Servers that took a run in the direct lane: on others nothing may begin before they have. */
const takesDirect = new WeakSet<Client>();

/** @returns the chain of a run that begins at once, where it may */
export function chainToBegin({ temporal, here, eager }: StartOn, { lane }: CheckedStart): string | undefined {
  return lane === 'direct' && takesDirect.has(temporal) && eager() ? here?.newChain() : undefined;
}

async function startDirect({ temporal, taskQueue, here }: StartOn, checked: CheckedStart, id: string) {
  const { workflowType: pattern, input, options, chain } = checked;
  const { tenant } = options;
  const begunHere = chain === undefined ? undefined : here?.begin({ id, chain, pattern, input, options });
  const begun = begunHere?.begun ?? checked.begun;
  try {
    const begin = (startDelay?: Duration) =>
      temporal.activity.start(RUN_DIRECT, {
        ...DIRECT,
        startDelay,
        id,
        taskQueue,
        args: [pattern, input, options, ...(begun ? [begun] : [])],
        summary: summaryOf(pattern, input),
        priority: queuePlaceOf({ ...options, pattern }),
        typedSearchAttributes: [
          { key: PATTERN, value: pattern },
          ...(tenant === undefined ? [] : [{ key: TENANT, value: tenant }]),
        ],
      });
    const delay = begunHere?.workerAfter;
    const handle = await begin(delay).catch((thrown) => {
      if (delay === undefined || grpcCodeOf(thrown) !== INVALID_ARGUMENT) throw thrown;
      // `activity.startDelayEnabled` is off there.
      begunHere?.refuseDelay();
      return begin();
    });
    takesDirect.add(temporal);
    begunHere?.known(handle.runId);
    return { chain: begun?.chain ?? chainOfDirect(handle.runId!), activityRunId: handle.runId };
  } catch (thrown) {
    if (begunHere && (await isToldByOther(temporal, thrown, id, begunHere.begun.chain))) {
      begunHere.known();
      return { chain: begunHere.begun.chain };
    }
    begunHere?.abandon(thrown);
    throw thrown;
  }
}

/** Somebody who was asked for the same run took us for lost, and told Temporal of it. */
async function isToldByOther(temporal: Client, thrown: unknown, id: string, chain: string): Promise<boolean> {
  if (!(thrown instanceof ActivityExecutionAlreadyStartedError)) return false;
  return (await orNothing(describeRun(temporal, id, chain)).catch(() => undefined))?.chain === chain;
}

async function startWorkflow(
  { temporal, taskQueue, eager }: StartOn,
  { workflowType, taskQueue: own, input, options }: CheckedStart,
  id: string,
  memo?: Record<string, unknown>,
) {
  try {
    const handle = await temporal.workflow.start(workflowType, {
      workflowId: id,
      taskQueue: own ?? taskQueue,
      args: Object.keys(options).length === 0 ? [input] : [input, options],
      // A map that was stopped goes on where it was.
      workflowIdReusePolicy: workflowType === 'map' ? 'ALLOW_DUPLICATE_FAILED_ONLY' : 'REJECT_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
      requestEagerStart: own === undefined && eager(),
      staticSummary: summaryOf(workflowType, input),
      priority: queuePlaceOf({ ...options, pattern: workflowType }),
      memo,
    });
    return { chain: handle.firstExecutionRunId };
  } catch (thrown) {
    if (thrown instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw thrown;
  }
}

/** Waits for what the run gives. @param isDirect it began in the direct lane; left out, that is found out */
export async function resultOf(temporal: Client, id: string, isDirect?: boolean): Promise<unknown> {
  const ofWorkflow = () => temporal.workflow.getHandle(id).result();
  const ofActivity = async () => {
    const result = await temporal.activity.getHandle(id).result();
    return { result: isHandedOver(result) ? await ofWorkflow() : result };
  };
  if (isDirect) return (await ofActivity()).result;
  try {
    return await ofWorkflow();
  } catch (thrown) {
    if (isDirect === false || !(thrown instanceof WorkflowNotFoundError)) throw thrown;
    const found = await orNothing(ofActivity());
    if (!found) throw thrown;
    return found.result;
  }
}

/** Asks it to stop. In the direct lane a workflow may go on with it: one that is told so just now as well (see run-direct.ts). */
export async function cancelExecution(temporal: Client, id: string, isDirect: boolean): Promise<void> {
  const workflow = temporal.workflow.getHandle(id);
  if (!isDirect) return void (await workflow.cancel());
  await orNothing(temporal.activity.getHandle(id).cancel('The run was cancelled')).catch((thrown) => {
    if (grpcCodeOf(thrown) !== FAILED_PRECONDITION) throw thrown;
  });
  await orNothing(workflow.cancel());
}

const INVALID_ARGUMENT = 3;
/** gRPC: the activity has ended */
const FAILED_PRECONDITION = 9;

/** One line for the Temporal UI: what the run is about. */
function summaryOf(workflowType: string, input: unknown): string {
  const { prompt } = (input ?? {}) as { prompt?: unknown };
  if (typeof prompt !== 'string') return workflowType;
  return `${workflowType}: ${oneLine(prompt, 120)}`;
}
