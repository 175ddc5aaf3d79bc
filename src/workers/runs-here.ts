import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { asyncLocalStorage as activityContext, Context, type Info } from '@temporalio/activity';
import { ActivityNotFoundError, type Client } from '@temporalio/client';
import { CancelledFailure, noopMetricMeter } from '@temporalio/common';
import { Runtime } from '@temporalio/worker';
import type { BegunHere, RunsHere } from '../client/executions.ts';
import {
  chainBegunHere,
  type DirectPattern,
  isHandedOver,
  type Log,
  RUN_DIRECT,
  type RunOptions,
} from '../contract/index.ts';
import { redact } from '../providers/index.ts';
import type { Store } from '../store/index.ts';
import { isStopped, type PerformDirect } from './perform-direct.ts';

/** A run that ends sooner is told to Temporal by its end, and no worker of it. One that was lost with its process goes on so
 *  late, as where a heartbeat is missed. */
const WORKER_AFTER = '8 seconds';
/** Results are handed out here for so long after their runs have ended, ms; afterwards Temporal has them. */
const KEPT_MS = 5_000;
const KEPT_AT_MOST = 500;
/** So often it is looked whether a run whose activity has not come here was ended by somebody at Temporal, ms. */
const LOOK_AT_TEMPORAL_MS = 2_000;

export interface RunsHereOptions {
  perform: PerformDirect;
  temporal: Client;
  store: Store;
  namespace: string;
  taskQueue: string;
  /** values that Temporal's payloads are free of */
  secrets: string[];
  log: Log;
  /** begun here at once, at most: more wait for the worker's slots as others do */
  most: number;
}

/** What the worker of this process does with them. */
export interface WorkedHere extends RunsHere {
  /** The run, where it was begun here: its activity does nothing but wait for it. */
  adopt(id: string, cancelling: AbortSignal): Promise<unknown> | undefined;
  /** Begins no more, and gives those that have begun so long to end, ms. */
  drain(graceMs: number): Promise<void>;
  /** Leaves those whose activities have not come to other workers. */
  close(): Promise<void>;
}

interface Running {
  outcome: Promise<unknown>;
  /** ends it as an activity is ended */
  cancel(message: string): void;
  ended: boolean;
  /** it was let go of, and is whoever's its activity comes to */
  stopped: boolean;
  /** its activity is here */
  adopted: boolean;
  /** settles once Temporal knows its end, or knows that a worker is to be asked for it */
  told?: Promise<void>;
}

/**
 * Runs of the direct lane that begin in the process of their client, while Temporal is still told of them: some ten
 * milliseconds earlier, and in a burst seconds. What makes them durable is what makes all of them so. Their activity comes
 * to this process or to another one, which waits for as long as this one is there, and then takes over with the journal
 * (docs/decisions/0013).
 *
 *   start --+--> begin: pattern --> journal --> provider --> events
 *           +--> Temporal --> the activity, here or elsewhere --> waits for the run, has its result
 */
export function createRunsHere(options: RunsHereOptions): WorkedHere {
  const { perform, temporal, store, namespace, taskQueue, secrets, most, log } = options;
  const runs = new Map<string, Running>();
  let open = 0;
  let closed = false;
  // A cancellation comes with the activity, where that is here.
  const stopListening = store.processes.onStop((id, reason) => {
    const running = runs.get(id);
    if (!running?.adopted) running?.cancel(reason === 'cancelled' ? 'CANCELLED' : 'NOT_FOUND');
  });

  let begun = 0;
  let workerAfter: typeof WORKER_AFTER | undefined = WORKER_AFTER;
  const newChain = () => (closed || open >= most ? undefined : chainBegunHere(store.processes.self, ++begun));

  function begin({ id, chain, pattern, ...given }: Parameters<RunsHere['begin']>[0]): BegunHere | undefined {
    if (closed || runs.has(id)) return undefined;
    const known = Promise.withResolvers<string | undefined>();
    const isKnown = known.promise.then(() => {});
    isKnown.catch(() => {});
    const cancelling = new AbortController();
    const startedAt = new Date();
    const [input, options] = asTold(given, secrets);
    const run = {
      id,
      pattern: pattern as DirectPattern,
      input,
      options,
      chain,
      runId: randomUUID(),
      startedAt,
      taskQueue,
      known: isKnown,
    };
    const context = contextOf(id, startedAt, cancelling.signal);
    open += 1;
    store.events.expect(chain);
    const outcome = activityContext.run(context, () => perform(temporal, run));
    const running: Running = { outcome, cancel, ended: false, stopped: false, adopted: false };
    runs.set(id, running);
    running.told = tellEnd(id, running, known.promise);
    const looking = setInterval(() => void endWithActivity(id, running), LOOK_AT_TEMPORAL_MS);
    outcome
      .catch((thrown) => {
        running.stopped = isStopped(thrown);
      })
      .finally(() => {
        clearInterval(looking);
        open -= 1;
        running.ended = true;
        forgetInTime(id, running);
      });
    return {
      begun: { chain, by: store.processes.self },
      workerAfter,
      refuseDelay,
      known: (activityRun) => known.resolve(workerAfter && activityRun),
      abandon(cause) {
        known.reject(cause);
        cancel('CANCELLED');
        runs.delete(id);
      },
    };

    function cancel(message: string): void {
      if (!cancelling.signal.aborted) cancelling.abort(new CancelledFailure(message));
    }
  }

  function refuseDelay(): void {
    workerAfter = undefined;
  }

  /** A result ends the activity, which no worker needs to be told of then. How a run failed only a worker may say: that of
   *  the activity, which is to come at once. What Temporal does not hear of now it has from there in time. */
  async function tellEnd(id: string, running: Running, known: Promise<string | undefined>): Promise<void> {
    try {
      const runId = await known;
      if (runId === undefined) return;
      const ended = await running.outcome.then(
        (result) => ({ result }),
        () => undefined,
      );
      if (running.adopted) return;
      const toWorker = () => temporal.activity.getHandle(id, runId).updateOptions({ startDelay: null });
      if (!ended) return void (await toWorker());
      await temporal.activity.complete({ activityId: id, runId }, ended.result).catch((thrown) => {
        // A server older than 1.32 ends none that reached no worker.
        if (!(thrown instanceof ActivityNotFoundError)) throw thrown;
        refuseDelay();
        return toWorker();
      });
    } catch (error) {
      log.debug({ run: id, error: String(error) }, 'The end of a run is left to its activity');
    }
  }

  /** What Temporal ended before a worker had it reaches none. */
  async function endWithActivity(id: string, { adopted, cancel }: Running): Promise<void> {
    if (adopted) return;
    const { status } =
      (await temporal.activity
        .getHandle(id)
        .describe()
        .catch(() => undefined)) ?? {};
    if (status === 'CANCELED') cancel('CANCELLED');
    else if (status === 'TERMINATED' || status === 'TIMED_OUT') cancel('NOT_FOUND');
  }

  function forgetInTime(id: string, running: Running): void {
    if (runs.size > KEPT_AT_MOST) for (const [other, { ended }] of runs) if (ended && other !== id) runs.delete(other);
    setTimeout(() => runs.get(id) === running && runs.delete(id), KEPT_MS).unref();
  }

  function contextOf(id: string, at: Date, signal: AbortSignal): Context {
    const info = {
      ...{ taskToken: new Uint8Array(), base64TaskToken: '', activityId: id, activityType: RUN_DIRECT, attempt: 1 },
      ...{ activityNamespace: namespace, namespace, taskQueue, isLocal: false, inWorkflow: false },
      ...{ scheduledTimestampMs: at.getTime(), currentAttemptScheduledTimestampMs: at.getTime() },
      ...{ scheduleToCloseTimeoutMs: 0, startToCloseTimeoutMs: 0, heartbeatDetails: undefined },
    } as unknown as Info;
    const never = new Promise<never>(() => {});
    // Its activity tells Temporal that the worker lives.
    const noHeartbeat = () => {};
    const { logger } = Runtime.instance();
    return new Context(info, never, signal, noHeartbeat, temporal, logger as never, noopMetricMeter, {});
  }

  return {
    newChain,
    begin,
    isRunning: (id) => runs.get(id)?.ended === false,
    result(id) {
      const running = runs.get(id);
      // What failed is told as Temporal tells it, and what was handed over is a workflow's to say.
      return running?.outcome.then(
        (result) => (isHandedOver(result) ? undefined : { result }),
        () => undefined,
      );
    },
    adopt(id, signal) {
      const running = runs.get(id);
      if (!running || running.stopped) return undefined;
      running.adopted = true;
      const forward = () => running.cancel((signal.reason as Error | undefined)?.message ?? 'NOT_FOUND');
      if (signal.aborted) forward();
      signal.addEventListener('abort', forward, { once: true });
      return running.outcome.finally(() => signal.removeEventListener('abort', forward));
    },
    async drain(graceMs) {
      closed = true;
      const ended = Promise.allSettled([...runs.values()].flatMap(({ outcome, told }) => [outcome, told]));
      await Promise.race([ended, delay(graceMs, undefined, { ref: false })]);
    },
    async close() {
      closed = true;
      stopListening();
      for (const { cancel } of runs.values()) cancel('WORKER_SHUTDOWN');
      await Promise.allSettled([...runs.values()].flatMap(({ outcome, told }) => [outcome, told]));
      runs.clear();
    },
  };
}

/** As it comes out of Temporal, so that whoever takes over asks the same. */
function asTold(
  { input, options }: Pick<Parameters<RunsHere['begin']>[0], 'input' | 'options'>,
  secrets: string[],
): [unknown, RunOptions] {
  return JSON.parse(redact(JSON.stringify([input, options]), secrets));
}
