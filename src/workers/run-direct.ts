import { ApplicationFailure, Context, getClient } from '@temporalio/activity';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { ChildWorkflowOptions, WorkflowInfo } from '@temporalio/workflow';
import { heartbeat } from '../activities/heartbeat.ts';
import { chainOfDirect, type DirectPattern, HANDED_OVER, type RunOptions } from '../contract/index.ts';
import { orNothing } from '../runtime/describe-run.ts';
import { asRun } from '../workflows/as-run.ts';
import { ask } from '../workflows/ask.ts';
import { bestOf } from '../workflows/best-of.ts';
import { chain } from '../workflows/chain.ts';
import { compare } from '../workflows/compare.ts';
import { council } from '../workflows/council.ts';
import { embed } from '../workflows/embed.ts';
import { PART_OF } from '../workflows/memos.ts';
import { hostDirectly } from './direct-host.ts';

const PATTERNS: Record<DirectPattern, (input: never) => Promise<unknown>> = {
  ask,
  'best-of': bestOf,
  chain,
  compare,
  council,
  embed,
};

/** The activity of the direct lane: a whole run of a pattern. Killed, it is done again, and has its finished calls from the
 *  journal. Where it must wait for long, a workflow of the run's id goes on, which has them from there too.
 *  @returns the pattern's result, or `HANDED_OVER` */
export function createRunDirect(activities: Readonly<Record<string, unknown>>) {
  return async (pattern: DirectPattern, input: unknown, options: RunOptions = {}): Promise<unknown> => {
    const { info } = Context.current();
    const { activityId: id, activityRunId } = info;
    const memo = { [PART_OF]: { chain: chainOfDirect(activityRunId!) } };
    const temporal = getClient();
    const stopHeartbeat = heartbeat();
    try {
      // An earlier attempt may have gone so far, and no further.
      if (info.attempt > 1 && (await isHandedOver())) return HANDED_OVER;
      const work = () => PATTERNS[pattern](input as never);
      const outcome = await hostDirectly({ info: asWorkflow(), activities, startChild }, () =>
        asRun([input, options], work),
      );
      if (outcome === 'stopped') throw workerStopped();
      if ('result' in outcome) return outcome.result;
      await handOver(outcome.memo);
      return HANDED_OVER;
    } finally {
      stopHeartbeat();
    }

    function asWorkflow(): WorkflowInfo {
      const { taskQueue, scheduledTimestampMs } = info;
      const startTime = new Date(scheduledTimestampMs);
      const about = { workflowId: id, workflowType: pattern, runId: activityRunId, taskQueue, startTime, memo };
      return { ...about, historyLength: 0 } as unknown as WorkflowInfo;
    }

    /** Only a run's webhook is started so: it goes on by itself. */
    async function startChild(type: string, child: ChildWorkflowOptions & { args?: unknown[] }): Promise<void> {
      const { workflowId = `${id}/${type}`, taskQueue = info.taskQueue, args = [] } = child;
      await temporal.workflow.start(type, { workflowId, taskQueue, args, workflowIdReusePolicy: 'REJECT_DUPLICATE' });
    }

    async function isHandedOver(): Promise<boolean> {
      return (await orNothing(temporal.workflow.getHandle(id).describe())) !== undefined;
    }

    async function handOver(waiting: Record<string, unknown>): Promise<void> {
      const start = { workflowId: id, taskQueue: info.taskQueue, args: [input, options], memo: waiting };
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

function workerStopped(): ApplicationFailure {
  return ApplicationFailure.create({ type: 'ConnectionLost', message: 'The worker of this run was stopped' });
}
