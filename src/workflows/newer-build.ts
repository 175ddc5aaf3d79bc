import type { UpdateDefinition } from '@temporalio/common';
import { type ContinueAsNewOptions, setHandler, type WorkflowInterceptors, workflowInfo } from '@temporalio/workflow';
import { isPattern } from '../contract/index.ts';
import { perRun } from './host.ts';
import { isPart } from './run.ts';

/*
 * What runs do about a new build of their worker deployment. They are pinned to the build they began on; those that go on
 * in a new history do so on the build that is current then, and begin one for its sake.
 */

/** A newer build has become current: whoever can go on in a new history does so now. */
export function hasNewerBuild(): boolean {
  return workflowInfo().targetWorkerDeploymentVersionChanged;
}

/** The next history of a pattern begins on the build that is current then. Users' workflows say so themselves. */
export function onNewestBuild(): Pick<ContinueAsNewOptions, 'initialVersioningBehavior'> {
  const { workflowType, currentDeploymentVersion } = workflowInfo();
  const isOurs = isPattern(workflowType) || isPart();
  return isOurs && currentDeploymentVersion ? { initialVersioningBehavior: 'AUTO_UPGRADE' } : {};
}

interface Rest {
  /** the Update that the run is at rest for */
  for?: UpdateDefinition<unknown, never>;
  isLeaving?: boolean;
}

const rest = perRun((): Rest => ({}));

/**
 * Waits for something to happen. What comes first after a newer build became current is left to it: the Update is not
 * taken here, and the server gives it to the next history. Whoever sent it notices nothing but a second that it takes.
 * @param something settles once an Update has come, or there is a newer build
 */
export async function atRest<Result, Args extends unknown[]>(
  update: UpdateDefinition<Result, Args>,
  something: Promise<boolean>,
): Promise<boolean> {
  const mine = rest();
  mine.for = update as never;
  try {
    return await something;
  } finally {
    mine.for = undefined;
  }
}

/** Keeps the promise of `atRest`: looks before Updates are handled, and sends nobody word that none is. */
export const leftToNewerBuild: NonNullable<WorkflowInterceptors['internals']>[number] = {
  activate(input, next) {
    const mine = rest();
    if (mine.for && hasNewerBuild()) {
      mine.isLeaving = true;
      setHandler(mine.for, undefined);
    }
    next(input);
  },
  concludeActivation({ commands }, next) {
    return next({
      commands: rest().isLeaving ? commands.filter(({ updateResponse }) => !updateResponse?.rejected) : commands,
    });
  },
};
