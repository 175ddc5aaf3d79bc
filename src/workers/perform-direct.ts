import { ApplicationFailure } from '@temporalio/activity';
import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { ChildWorkflowOptions, WorkflowInfo } from '@temporalio/workflow';
import { type CallError, type DirectPattern, HANDED_OVER, type RunOptions } from '../contract/index.ts';
import type { Journal } from '../store/index.ts';
import { asStartedHere } from '../telemetry/index.ts';
import { asRun } from '../workflows/as-run.ts';
import { ask } from '../workflows/ask.ts';
import { bestOf } from '../workflows/best-of.ts';
import { chain } from '../workflows/chain.ts';
import { compare } from '../workflows/compare.ts';
import { council } from '../workflows/council.ts';
import { embed } from '../workflows/embed.ts';
import { PART_OF, WAITS } from '../workflows/memos.ts';
import { hostDirectly } from './direct-host.ts';

const PATTERNS: Record<DirectPattern, (input: never) => Promise<unknown>> = {
  ask,
  'best-of': bestOf,
  chain,
  compare,
  council,
  embed,
};

export interface DirectStart {
  id: string;
  pattern: DirectPattern;
  input: unknown;
  options: RunOptions;
  chain: string;
  /** what `workflowInfo()` says */
  runId: string;
  startedAt: Date;
  taskQueue: string;
  /** steps that came to nothing in an attempt that was lost, as its log says */
  failed?: Record<string, CallError>;
  /** resolves once Temporal knows the run: it is handed over to a workflow no sooner */
  known?: Promise<void>;
}

/** Does the whole of a run, in the context of an activity. @returns the pattern's result, or `HANDED_OVER` */
export type PerformDirect = (temporal: Client, run: DirectStart) => Promise<unknown>;

export function createPerformDirect(
  activities: Readonly<Record<string, unknown>>,
  { ahead: runs }: Pick<Journal, 'ahead'>,
): PerformDirect {
  return async (temporal, { id, pattern, input, options, chain: name, runId, startedAt, taskQueue, failed, known }) => {
    const memo = { [PART_OF]: { chain: name }, [WAITS]: { failed } };
    const about = { workflowId: id, workflowType: pattern, runId, taskQueue, startTime: startedAt, memo };
    const info = { ...about, historyLength: 0 } as unknown as WorkflowInfo;
    const ahead = { caughtUp: () => runs.caughtUp(name), isOvertaken: () => runs.isOvertaken(name) };
    const outcome = await asStartedHere(() =>
      hostDirectly({ info, activities, ahead, startChild }, () =>
        asRun([input, options], () => PATTERNS[pattern](input as never)),
      ),
    ).finally(() => runs.forget(name));
    if (outcome === 'stopped') throw workerStopped();
    if ('result' in outcome) return outcome.result;
    await known;
    await handOver(outcome.memo);
    return HANDED_OVER;

    /** Only a run's webhook is started so: it goes on by itself. */
    async function startChild(type: string, child: ChildWorkflowOptions & { args?: unknown[] }): Promise<void> {
      const { workflowId = `${id}/${type}`, taskQueue: own = taskQueue, args = [] } = child;
      const start = { workflowId, taskQueue: own, args, workflowIdReusePolicy: 'REJECT_DUPLICATE' } as const;
      await temporal.workflow.start(type, start);
    }

    async function handOver(waiting: Record<string, unknown>): Promise<void> {
      const start = { workflowId: id, taskQueue, args: [input, options], memo: waiting };
      await temporal.workflow
        .start(pattern, {
          ...start,
          workflowIdReusePolicy: 'REJECT_DUPLICATE',
          workflowIdConflictPolicy: 'USE_EXISTING',
        })
        .catch((thrown) => {
          if (!(thrown instanceof WorkflowExecutionAlreadyStartedError)) throw thrown;
        });
      // Who cancelled the activity up to now knew of no workflow; who does so later finds it.
      const { canceledReason, runState } = await temporal.activity.getHandle(id).describe();
      if (runState === 'CANCEL_REQUESTED' || canceledReason !== undefined) {
        await temporal.workflow.getHandle(id).cancel();
      }
    }
  };
}

const stopped = new WeakSet<object>();

function workerStopped(): ApplicationFailure {
  const failure = ApplicationFailure.create({ type: 'ConnectionLost', message: 'The worker of this run was stopped' });
  stopped.add(failure);
  return failure;
}

/** True for what ended not the run, but what this worker did for it. */
export function isStopped(thrown: unknown): boolean {
  return typeof thrown === 'object' && thrown !== null && stopped.has(thrown);
}
