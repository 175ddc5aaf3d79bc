import { Client, Connection, type WorkflowExecutionInfo } from '@temporalio/client';
import type { StormClient } from './client.ts';
import type { StormRun } from './runs.ts';
import type { Shape } from './shape.ts';

export const [OLD, NEW] = ['one', 'two'];
/** Conversations that nobody talks with during the storm. */
const RESTING = 4;
/** Until all of Temporal's matching nodes know which build is current, ms. */
const SPREAD_MS = 10_000;

export interface Deployed {
  /** runs that began before, and ended on the build they began on */
  old: number;
  /** runs that began after, on the new one */
  fresh: number;
  /** conversations that began on the old build and ended on the new one */
  moved: number;
  problems: string[];
}

export interface SecondBuild {
  /** Workers of a new build come, and it is promoted; those of the old one stay. */
  deploy(): Promise<void>;
  /** Looks at which build did what of each run, once the storm is over. */
  look(runs: StormRun[]): Promise<Deployed>;
}

/** The first build is current, and some conversations have begun on it. */
export async function secondBuild(shape: Shape, client: StormClient, workers: number): Promise<SecondBuild> {
  await shape.command('deploy', 'promote', OLD!);
  const resting = Array.from({ length: RESTING }, (_, nth) => `storm-conversation-99${10 + nth}`);
  const say = (id: string, turn: number) =>
    client.ask('POST', `/v1/runs/${id}/messages`, { text: `Message ${turn} of ${id}`, id: `${id}-${turn}` });
  for (const id of resting) {
    await client.ask('POST', '/v1/runs', {
      id,
      pattern: 'conversation',
      input: { policy: { candidates: ['openai/gpt-6-sol'] } },
    });
    await say(id, 0);
  }
  let began = Number.POSITIVE_INFINITY;
  let spread = Number.POSITIVE_INFINITY;

  return {
    async deploy() {
      for (let nth = 0; nth < workers; nth += 1) await shape.addWorker(undefined, { CADENZA_BUILD: NEW! });
      began = Date.now();
      await shape.command('deploy', 'promote', NEW!);
      spread = Date.now() + SPREAD_MS;
    },
    async look(runs) {
      for (const id of resting) {
        await say(id, 1);
        await client.ask('POST', `/v1/runs/${id}/end`, {});
      }
      const connection = await Connection.connect({ address: shape.temporalAddress });
      const temporal = new Client({ connection, namespace: shape.namespace });
      const told: Deployed = { old: 0, fresh: 0, moved: 0, problems: [] };
      for (const id of [...resting, ...runs.map((run) => run.id)]) await lookAt(temporal, id, told);
      await connection.close();
      return told;
    },
  };

  async function lookAt(temporal: Client, id: string, told: Deployed): Promise<void> {
    const histories = (await Array.fromAsync(temporal.workflow.list({ query: `WorkflowId = '${id}'` }))).toSorted(
      (one, other) => one.startTime.getTime() - other.startTime.getTime(),
    );
    const done = await Promise.all(histories.map((one) => tasksOf(temporal, one)));
    const tasks = done.flat();
    const [first] = histories;
    // Runs of the direct lane have no history unless they had to wait.
    if (!first || tasks.length === 0) return;
    const mixed = done
      .map((ofOne) => [...new Set(ofOne.map(({ build }) => build))])
      .find((builds) => builds.length > 1);
    if (mixed) told.problems.push(`${id}: one history on ${mixed.join(' and ')}`);
    const [firstBuild, lastBuild] = [tasks[0]!.build, tasks.at(-1)!.build];
    // A run that was started while no worker of the old build was up begins when its first task is taken.
    if (tasks[0]!.at < began && firstBuild !== OLD)
      told.problems.push(`${id} began on ${firstBuild} before it was promoted`);
    if (first.startTime.getTime() > spread && firstBuild !== NEW)
      told.problems.push(`${id} began on ${firstBuild}, which was not current any more`);
    const mayMove = /conversation|agent|map/.test(id);
    if (firstBuild !== lastBuild && !mayMove) told.problems.push(`${id} moved to ${lastBuild}`);
    if (resting.includes(id) && lastBuild !== NEW) told.problems.push(`${id} stayed on ${lastBuild}`);
    if (firstBuild === NEW) told.fresh += 1;
    else if (lastBuild === NEW) told.moved += 1;
    else told.old += 1;
  }
}

/** The workflow tasks of a history: which build did each, and when (ms since 1970). */
async function tasksOf(temporal: Client, { workflowId, runId }: WorkflowExecutionInfo) {
  const { events } = await temporal.workflow.getHandle(workflowId, runId).fetchHistory();
  return events!.flatMap(({ workflowTaskCompletedEventAttributes: task, eventTime }) =>
    task?.deploymentVersion?.buildId
      ? [{ build: task.deploymentVersion.buildId, at: Number(eventTime!.seconds) * 1_000 }]
      : [],
  );
}
