import type { Client } from '@temporalio/client';
import type { Deployment } from '../config/index.ts';

const LOOK_EVERY_MS = 10_000;

export interface WatchedBuild {
  /** New runs are this process's to take: it is of the current build, or of none. */
  isCurrent(): boolean;
  stop(): void;
}

/**
 * Whether the build of this process is the current one of its deployment. Temporal asks nobody what a run begins on that
 * a client starts in its worker's own process: a build that is not yet current would begin runs, and one that is no longer.
 * Known with a delay, which costs nothing: a run that began on a build ends on it.
 */
export function watchBuild({ workflowService, options }: Client, deployment: Deployment | undefined): WatchedBuild {
  if (!deployment) return { isCurrent: () => true, stop() {} };
  const { name: deploymentName, build } = deployment;
  let isCurrent = false;
  const look = async () => {
    const { workerDeploymentInfo } = await workflowService.describeWorkerDeployment({
      namespace: options.namespace,
      deploymentName,
    });
    isCurrent = workerDeploymentInfo?.routingConfig?.currentDeploymentVersion?.buildId === build;
  };
  // Where it cannot be known, runs begin by way of the server, which knows.
  const lookAgain = () => void look().catch(() => (isCurrent = false));
  lookAgain();
  const timer = setInterval(lookAgain, LOOK_EVERY_MS);
  timer.unref();
  return { isCurrent: () => isCurrent, stop: () => clearInterval(timer) };
}
