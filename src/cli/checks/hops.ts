import { randomUUID } from 'node:crypto';
import type { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { type Finding, reasonOf } from './finding.ts';

const { CommandType } = proto.temporal.api.enums.v1;
type Command = proto.temporal.api.command.v1.ICommand;

/** Each is two hops. A shard that may look 20 times a second has about 35 looks in hand after a rest: they must be used
 *  up before its pace is seen. */
const ACTIVITIES = 30;
/** The first ones make queues and caches; of the others, these many at the beginning and at the end are compared. */
const SKIPPED = 5;
const COMPARED = 15;
/** ms between two looks, by the server's default */
const TICK_MS = 50;
const GIVES_UP_AFTER_MS = 20_000;

/**
 * Measures how long Temporal takes to hand on what a run does next, by a workflow that is worked on right here, and
 * leaves no trace but itself. Where hops become slow only as they go on, the server rations them; a machine or disk that is slow or busy
 * makes all of them slow.
 */
export async function checkHops(connection: Connection, namespace: string): Promise<Finding> {
  const check = 'hops';
  try {
    return judged(await measuredHops(connection, namespace));
  } catch (error) {
    return { check, state: 'warning', detail: `They could not be measured: ${reasonOf(error)}` };
  }
}

/** @param hops ms each, in order */
function judged(hops: number[]): Finding {
  const check = 'hops';
  const early = median(hops.slice(SKIPPED, SKIPPED + COMPARED));
  const late = median(hops.slice(-COMPARED));
  const takes = `A hop through Temporal takes ${Math.round(Math.max(early, late))} ms`;
  // Rationed, each waits for its turn; on a machine that is busy some are late, and others are not.
  const quickest = sorted(hops.slice(-COMPARED))[1]!;
  const isRationed = late > 2 * early && quickest > 0.6 * TICK_MS;
  if (isRationed) {
    const detail = `${takes} when many follow each other, and ${Math.round(early)} ms alone: it looks for work 20 times a second`;
    const mend = 'On a cluster of yours, set history.transferProcessorMaxPollRPS to 100000 (docs/production.md)';
    return { check, state: 'warning', detail, mend };
  }
  if (Math.min(early, late) < TICK_MS) return { check, state: 'ok', detail: takes };
  const mend =
    'Look at the load and the disk of its database, and set history.transferProcessorMaxPollRPS (docs/production.md)';
  return { check, state: 'warning', detail: takes, mend };
}

async function measuredHops(connection: Connection, namespace: string): Promise<number[]> {
  const { workflowService } = connection;
  const identity = 'cadenza doctor';
  const workflowId = `cadenza-doctor-${randomUUID()}`;
  const taskQueue = { name: workflowId };
  const from = { namespace, identity };
  const deadline = Date.now() + GIVES_UP_AFTER_MS;
  const within = <T>(ask: () => Promise<T>) => connection.withDeadline(deadline, ask);
  const workflowTask = () => within(() => workflowService.pollWorkflowTaskQueue({ ...from, taskQueue }));
  const activityTask = () => within(() => workflowService.pollActivityTaskQueue({ ...from, taskQueue }));
  const decide = ({ taskToken }: { taskToken: Uint8Array }, command: Command) =>
    workflowService.respondWorkflowTaskCompleted({ ...from, taskToken, commands: [command] });

  const hops: number[] = [];
  async function hop<Task>(next: () => Promise<Task>, act: () => Promise<unknown>): Promise<Task> {
    const begunAt = performance.now();
    const [task] = await Promise.all([next(), act()]);
    hops.push(performance.now() - begunAt);
    return task;
  }

  let task = await hop(workflowTask, () =>
    workflowService.startWorkflowExecution({
      ...from,
      ...{ workflowId, taskQueue, requestId: randomUUID(), workflowType: { name: 'cadenzaDoctor' } },
      workflowExecutionTimeout: seconds(GIVES_UP_AFTER_MS / 1000),
    }),
  );
  for (let nth = 0; nth < ACTIVITIES; nth += 1) {
    const activity = await hop(activityTask, () => decide(task, scheduled(nth, taskQueue.name)));
    const { taskToken } = activity;
    task = await hop(workflowTask, () => workflowService.respondActivityTaskCompleted({ ...from, taskToken }));
  }
  const { COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION: commandType } = CommandType;
  await decide(task, { commandType, completeWorkflowExecutionCommandAttributes: {} });
  return hops;
}

function scheduled(nth: number, queue: string): Command {
  return {
    commandType: CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK,
    scheduleActivityTaskCommandAttributes: {
      activityId: String(nth),
      activityType: { name: 'hop' },
      taskQueue: { name: queue },
      startToCloseTimeout: seconds(10),
      scheduleToCloseTimeout: seconds(GIVES_UP_AFTER_MS / 1000),
    },
  };
}

const seconds = (count: number) => ({ seconds: count as unknown as proto.google.protobuf.IDuration['seconds'] });

const sorted = (values: number[]) => values.toSorted((one, other) => one - other);

const median = (values: number[]) => sorted(values)[Math.floor(values.length / 2)]!;
