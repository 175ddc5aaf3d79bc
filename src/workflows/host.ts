import * as workflow from '@temporalio/workflow';

type Temporal = typeof workflow;

/**
 * What steps and patterns ask of whoever runs them: the part of Temporal's workflow API they use. In a workflow that is
 * Temporal; in the direct lane it is the activity that runs the pattern (workers/direct-host.ts). Their code cannot tell.
 */
export interface Host
  extends Pick<
    Temporal,
    | 'executeChild'
    | 'proxyActivities'
    | 'proxyLocalActivities'
    | 'setCurrentDetails'
    | 'sleep'
    | 'startChild'
    | 'upsertSearchAttributes'
    | 'workflowInfo'
  > {
  /** @param act is given what cancels all it began */
  cancellable<Result>(act: (cancel: () => void) => Promise<Result>): Promise<Result>;
  nonCancellable<Result>(act: () => Promise<Result>): Promise<Result>;
  /** Hears Signals, where there is somebody to send them: not in the direct lane. */
  onSignal(name: string, hear: (given: string) => void): void;
  /** the code that asks was told to stop */
  isCancelled(): boolean;
}

const temporal: Host = {
  ...workflow,
  cancellable: (act) =>
    workflow.CancellationScope.cancellable(() => {
      const scope = workflow.CancellationScope.current();
      return act(() => scope.cancel());
    }),
  nonCancellable: (act) => workflow.CancellationScope.nonCancellable(act),
  onSignal: (name, hear) => workflow.setHandler(workflow.defineSignal<[string]>(name), hear),
  isCancelled: () => workflow.CancellationScope.current().consideredCancelled,
};

let current: () => Host = () => temporal;

/** Who runs the code that asks. */
export function host(): Host {
  return current();
}

/** Lets patterns be run outside workflows. @param find the host of the code that asks */
export function setHosts(find: () => Host): void {
  current = find;
}
