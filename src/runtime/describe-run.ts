import {
  type ActivityExecutionDescription,
  ActivityNotFoundError,
  type Client,
  isGrpcServiceError,
  ServiceError,
  type WorkflowExecutionDescription,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { type BegunRun, chainOfDirect, directRunOf, isDirectChain, RUN_DIRECT } from '../contract/index.ts';
import { startArguments } from './start-arguments.ts';

/** gRPC: the server is older than standalone activities (1.32) */
const UNIMPLEMENTED = 12;

/** What Temporal says of a run: of its workflow, or in the direct lane of its activity. */
export interface RunDescription {
  id: string;
  pattern: string;
  taskQueue: string;
  status: 'running' | 'completed' | 'failed' | 'cancelled' | 'terminated' | 'timedOut';
  /** as the execution alone knows it */
  chain: string;
  /** of its newest execution */
  runId: string;
  startedAt: Date;
  /** input and options it was started with */
  startedWith(): Promise<unknown[]>;
}

/** @param chain where it is known @throws WorkflowNotFoundError */
export async function describeRun(temporal: Client, id: string, chain?: string): Promise<RunDescription> {
  if (chain !== undefined && isDirectChain(chain)) {
    const activity = await describeDirect(temporal, id, directRunOf(chain));
    if (activity && activity.status !== 'completed') return activity;
    // It may have been handed over to a workflow.
    const workflow = await orNothing(describeWorkflow(temporal, id));
    if (workflow ?? activity) return (workflow ?? activity)!;
    throw new WorkflowNotFoundError('Neither an activity nor a workflow of the run is known', id, undefined);
  }
  try {
    return await describeWorkflow(temporal, id);
  } catch (thrown) {
    const activity =
      chain === undefined && thrown instanceof WorkflowNotFoundError ? await describeDirect(temporal, id) : undefined;
    if (activity) return activity;
    throw thrown;
  }
}

/** Nothing, where Temporal does not know what was asked for. */
export async function orNothing<Value>(asked: Promise<Value>): Promise<Value | undefined> {
  return asked.catch((thrown: unknown) => {
    if (thrown instanceof WorkflowNotFoundError || thrown instanceof ActivityNotFoundError || isUnimplemented(thrown)) {
      return undefined;
    }
    throw thrown;
  });
}

export function isUnimplemented(thrown: unknown): boolean {
  return grpcCodeOf(thrown) === UNIMPLEMENTED;
}

/** The gRPC status of what Temporal's client threw. */
export function grpcCodeOf(thrown: unknown): number | undefined {
  const cause = thrown instanceof ServiceError ? thrown.cause : thrown;
  return isGrpcServiceError(cause) ? cause.code : undefined;
}

async function describeWorkflow(temporal: Client, id: string): Promise<RunDescription> {
  const description = await temporal.workflow.getHandle(id).describe();
  const { type: pattern, taskQueue, runId, startTime: startedAt, status } = description;
  const chain = firstRun(description);
  const startedWith = () => startArguments(temporal, id, chain);
  return { id, pattern, taskQueue, runId, startedAt, chain, startedWith, status: WORKFLOW[status.name] ?? 'running' };
}

async function describeDirect(temporal: Client, id: string, run?: string): Promise<RunDescription | undefined> {
  const handle = temporal.activity.getHandle(id, run);
  const found = await orNothing(handle.describe({ includeInput: true }));
  if (found?.activityType !== RUN_DIRECT) return undefined;
  const { taskQueue, activityRunId: runId, scheduleTime: startedAt = new Date(), status, canceledReason } = found;
  type Input = [string, unknown?, unknown?, BegunRun?];
  const [pattern, input, options, begun] = (await found.getInput<Input>()) ?? [''];
  const startedWith = [input, options];
  return {
    ...{ id, pattern, taskQueue, runId: runId!, startedAt, chain: begun?.chain ?? chainOfDirect(runId!) },
    startedWith: async () => startedWith,
    // Lost with its worker once it was to be cancelled, it is not made again: its heartbeat is missed, and that is its end.
    status: status === 'TIMED_OUT' && canceledReason !== undefined ? 'cancelled' : (ACTIVITY[status] ?? 'running'),
  };
}

/** The id of a run's first history, by which its chain is known. */
function firstRun({ raw, runId }: WorkflowExecutionDescription): string {
  return raw.workflowExecutionInfo?.firstRunId || runId;
}

const WORKFLOW: Partial<Record<WorkflowExecutionDescription['status']['name'], RunDescription['status']>> = {
  COMPLETED: 'completed',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
  TERMINATED: 'terminated',
  TIMED_OUT: 'timedOut',
};

const ACTIVITY: Partial<Record<ActivityExecutionDescription['status'], RunDescription['status']>> = {
  COMPLETED: 'completed',
  FAILED: 'failed',
  CANCELED: 'cancelled',
  TERMINATED: 'terminated',
  TIMED_OUT: 'timedOut',
};
