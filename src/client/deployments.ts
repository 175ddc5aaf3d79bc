import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { WAKE_CONVERSATION } from '../contract/index.ts';
import { grpcCodeOf } from '../runtime/describe-run.ts';
import type { Audited } from './audited.ts';
import { CadenzaError, refusal } from './errors.ts';
import { clientError } from './outcome.ts';

/** Builds of a worker deployment, and what they do. */
export interface Deployments {
  /** Newest build first. @throws CadenzaError NotFound */
  status(): Promise<DeploymentStatus>;
  /** New runs begin on the build from now on; those that can move go on there in their next history.
   *  @param waitMs so long for its first worker, and for all task queues the build before has */
  promote(build: string, waitMs?: number): Promise<void>;
  /** So many of a hundred new runs begin on the build, chosen by their ids; 0 takes it back. */
  ramp(build: string, percent: number, waitMs?: number): Promise<void>;
  /** Asks conversations that nobody talks with just now to leave the build. @returns how many there are */
  drain(build: string): Promise<number>;
}

export interface DeploymentStatus {
  deployment: string;
  builds: BuildStatus[];
}

export interface BuildStatus {
  build: string;
  /** `inactive`: it was never given runs; `draining`: runs that began on it are open; `drained`: its workers may be stopped */
  state: 'current' | 'ramping' | 'inactive' | 'draining' | 'drained';
  /** of a hundred new runs, while it ramps */
  percent?: number;
  /** runs that stay with it until they end, or go on in a new history */
  openRuns: number;
  /** processes that asked for its work within the last 70 s */
  workers: number;
  taskQueues: string[];
  /** ISO 8601 */
  createdAt: string;
}

/** temporal.api.enums.v1.WorkerDeploymentVersionStatus */
const STATES: Record<number, BuildStatus['state']> = {
  1: 'inactive',
  2: 'current',
  3: 'ramping',
  4: 'draining',
  5: 'drained',
};

const NOT_FOUND = 5;
const FAILED_PRECONDITION = 9;
const TRY_EVERY_MS = 500;
/** temporal.api.enums.v1.RoutingConfigUpdateState */
const IN_PROGRESS = 1;
const LOOK_EVERY_MS = 100;
const ROUTED_WITHIN_MS = 30_000;
/** Polls last for a minute. */
const POLLED_WITHIN_MS = 70_000;
const WORKFLOW_TASKS = 1;
const WAKES_A_SECOND = 20;
const WHO = 'cadenza deploy';

/** @param audited keeps who gave runs to which build */
export function createDeployments(temporal: Client, deployment: string, audited: Audited): Deployments {
  const { workflowService, options } = temporal;
  const { namespace } = options;
  const subject = `deployment:${deployment}`;
  const version = (buildId: string) => ({ deploymentName: deployment, buildId });

  async function described() {
    const { workerDeploymentInfo } = await workflowService.describeWorkerDeployment({
      namespace,
      deploymentName: deployment,
    });
    return workerDeploymentInfo!;
  }

  async function queuesOf(build: string): Promise<string[]> {
    const { workerDeploymentVersionInfo: info } = await workflowService.describeWorkerDeploymentVersion({
      namespace,
      deploymentVersion: version(build),
    });
    return [...new Set((info?.taskQueueInfos ?? []).flatMap(({ name }) => name ?? []))].sort();
  }

  async function count(query: string): Promise<number> {
    return Number((await workflowService.countWorkflowExecutions({ namespace, query })).count ?? 0);
  }

  const openOn = (build: string) =>
    `TemporalWorkerDeploymentVersion = '${deployment}:${build}' AND TemporalWorkflowVersioningBehavior = 'Pinned' ` +
    `AND ExecutionStatus = 'Running'`;

  /** Asks; what is not there is no such deployment or build. */
  async function asked<Value>(ask: () => Promise<Value>): Promise<Value> {
    try {
      return await ask();
    } catch (thrown) {
      throw grpcCodeOf(thrown) === NOT_FOUND ? noSuch(deployment) : clientError(thrown, deployment);
    }
  }

  /** Sets who gets new runs. A build is known once a worker of it has polled, and each of its task queues once that one
   *  was; what is set reaches all of the server a moment later. */
  async function route(build: string, waitMs: number, set: () => Promise<unknown>): Promise<void> {
    for (const deadline = Date.now() + waitMs; ; await delay(TRY_EVERY_MS)) {
      try {
        await set();
        break;
      } catch (thrown) {
        const code = grpcCodeOf(thrown);
        if (code !== NOT_FOUND && code !== FAILED_PRECONDITION) throw clientError(thrown, deployment);
        if (Date.now() >= deadline) throw notReady(deployment, build, thrown);
      }
    }
    for (const deadline = Date.now() + ROUTED_WITHIN_MS; Date.now() < deadline; await delay(LOOK_EVERY_MS)) {
      const { routingConfigUpdateState } = await asked(described);
      if (routingConfigUpdateState !== IN_PROGRESS) return;
    }
  }

  async function wakeConversations(build: string): Promise<number> {
    const { routingConfig } = await described();
    if (routingConfig?.currentDeploymentVersion?.buildId === build) throw stillCurrent(build);
    const visibilityQuery = `${openOn(build)} AND WorkflowType = 'conversation'`;
    const conversations = await count(visibilityQuery);
    if (conversations === 0) return 0;
    await workflowService.startBatchOperation({
      namespace,
      visibilityQuery,
      jobId: randomUUID(),
      reason: `Leaving build ${build}`,
      maxOperationsPerSecond: WAKES_A_SECOND,
      signalOperation: { signal: WAKE_CONVERSATION, identity: WHO },
    });
    return conversations;
  }

  return {
    status: () =>
      asked(async () => {
        const { versionSummaries, routingConfig } = await described();
        const builds = (versionSummaries ?? []).map(async ({ deploymentVersion, status, createTime }) => {
          const build = deploymentVersion?.buildId ?? '';
          const taskQueues = await queuesOf(build);
          const isRamping = routingConfig?.rampingDeploymentVersion?.buildId === build;
          return {
            build,
            state: STATES[status ?? 0] ?? 'inactive',
            percent: isRamping ? (routingConfig.rampingVersionPercentage ?? 0) : undefined,
            openRuns: await count(openOn(build)),
            workers: await countWorkers(temporal, version(build), taskQueues),
            taskQueues,
            createdAt: new Date(Number(createTime?.seconds ?? 0) * 1_000).toISOString(),
          };
        });
        const newestFirst = (await Promise.all(builds)).sort((a, b) => b.createdAt.localeCompare(a.createdAt));
        return { deployment, builds: newestFirst };
      }),
    promote: (build, waitMs = 0) =>
      audited({ action: 'build.promote', subject, details: { build } }, () =>
        route(build, waitMs, () =>
          workflowService.setWorkerDeploymentCurrentVersion({ namespace, ...version(build), identity: WHO }),
        ),
      ),
    ramp: (build, percentage, waitMs = 0) =>
      audited({ action: 'build.ramp', subject, details: { build, percent: percentage } }, () =>
        route(build, waitMs, () =>
          workflowService.setWorkerDeploymentRampingVersion({
            namespace,
            ...version(percentage === 0 ? '' : build),
            percentage,
            identity: WHO,
          }),
        ),
      ),
    drain: (build) =>
      audited({ action: 'build.drain', subject, details: { build } }, () => asked(() => wakeConversations(build))),
  };
}

/** Processes, by their names, that ask for workflow tasks of a build. */
async function countWorkers(
  { workflowService, options: { namespace } }: Client,
  { deploymentName, buildId }: { deploymentName: string; buildId: string },
  taskQueues: string[],
): Promise<number> {
  const workers = new Set<string>();
  for (const name of taskQueues) {
    const { pollers } = await workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name },
      taskQueueType: WORKFLOW_TASKS,
    });
    for (const { deploymentOptions: of, identity, lastAccessTime } of pollers ?? []) {
      const isRecent = Number(lastAccessTime?.seconds ?? 0) * 1_000 > Date.now() - POLLED_WITHIN_MS;
      if (isRecent && of?.deploymentName === deploymentName && of.buildId === buildId) workers.add(identity ?? '');
    }
  }
  return workers.size;
}

function noSuch(deployment: string): CadenzaError {
  const hint = 'Start a worker with CADENZA_BUILD set; --deployment names another one than "cadenza"';
  return refusal('NotFound', `No worker has polled for a deployment "${deployment}"`, { hint, path: 'deployment' });
}

function notReady(deployment: string, build: string, cause: unknown): CadenzaError {
  const said = (cause as { details?: string }).details ?? String(cause);
  const hint = 'Start its workers first; they must take work of all task queues the build before them does';
  const message = `The build "${build}" of ${deployment} cannot be given runs: ${said}`;
  return new CadenzaError('Conflict', { type: 'InvalidRequest', message, hint, path: 'build' }, { cause });
}

function stillCurrent(build: string): CadenzaError {
  const hint = 'Promote the next one first: cadenza deploy promote <build>';
  return refusal('Conflict', `New runs begin on the build "${build}"`, { hint, path: 'build' });
}
