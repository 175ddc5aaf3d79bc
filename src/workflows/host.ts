import * as workflow from '@temporalio/workflow';
import { localActivities } from './local-activities.ts';

type Temporal = typeof workflow;

/**
 * What steps and patterns ask of whoever runs them: the part of Temporal's workflow API they use. In a workflow that is
 * Temporal; in the direct lane it is the activity that runs the pattern (workers/direct-host.ts). Their code cannot tell.
 */
export interface Host
  extends Pick<
    Temporal,
    | 'executeChild'
    | 'patched'
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
  proxyLocalActivities: localActivities,
  cancellable: (act) =>
    workflow.CancellationScope.cancellable(() => {
      const scope = workflow.CancellationScope.current();
      return act(() => scope.cancel());
    }),
  nonCancellable: (act) => workflow.CancellationScope.nonCancellable(act),
  onSignal: (name, hear) => workflow.setHandler(workflow.defineSignal<[string]>(name), hear),
  isCancelled: () => workflow.CancellationScope.current().consideredCancelled,
};

/** The global object of a workflow is its own; the modules are evaluated once for all workflows of a worker. */
const ofWorkflow = globalThis as typeof globalThis & { cadenzaHost?: Host };

let current: () => Host = () => {
  ofWorkflow.cadenzaHost ??= Object.create(temporal) as Host;
  return ofWorkflow.cadenzaHost;
};

/** Who runs the code that asks. */
export function host(): Host {
  return current();
}

/**
 * What a module keeps of a run. Nothing else in this room may change once it is evaluated: other runs would find it.
 * @param make called when a run asks for the first time, with what it gives then
 */
export function perRun<State, Given extends unknown[] = []>(
  make: (...given: Given) => State,
): (...given: Given) => State {
  const states = new WeakMap<Host, State>();
  return (...given) => {
    const of = host();
    const known = states.get(of);
    if (known !== undefined) return known;
    const made = make(...given);
    states.set(of, made);
    return made;
  };
}

/** Lets patterns be run outside workflows. @param find the host of the code that asks */
export function setHosts(find: () => Host): void {
  current = find;
}
