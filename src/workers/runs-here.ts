import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { asyncLocalStorage as activityContext, Context, type Info } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { CancelledFailure, noopMetricMeter } from '@temporalio/common';
import { Runtime } from '@temporalio/worker';
import type { BegunHere, RunsHere } from '../client/executions.ts';
import {
  type BegunRun,
  chainBegunHere,
  type DirectPattern,
  isHandedOver,
  RUN_DIRECT,
  type RunOptions,
} from '../contract/index.ts';
import { redact } from '../providers/index.ts';
import type { Store } from '../store/index.ts';
import type { PerformDirect } from './perform-direct.ts';

/** Results are handed out here for so long after their runs have ended, ms; afterwards Temporal has them. */
const KEPT_MS = 5_000;
const KEPT_AT_MOST = 500;
/** So often it is looked whether a run whose activity has not come here was ended by somebody at Temporal, ms. */
const LOOK_AT_TEMPORAL_MS = 5_000;

export interface RunsHereOptions {
  perform: PerformDirect;
  temporal: Client;
  store: Store;
  namespace: string;
  taskQueue: string;
  /** values that Temporal's payloads are free of */
  secrets: string[];
  /** begun here at once, at most: more wait for the worker's slots as others do */
  most: number;
}

/** What the worker of this process does with them. */
export interface WorkedHere extends RunsHere {
  /** The run, where it was begun here: its activity does nothing but wait for it. */
  adopt(id: string, cancelling: AbortSignal): Promise<unknown> | undefined;
  /** Begins no more. */
  drain(): void;
  /** Leaves those whose activities have not come to other workers. */
  close(): Promise<void>;
}

interface Running {
  outcome: Promise<unknown>;
  /** ends it as an activity is ended */
  cancel(message: string): void;
  ended: boolean;
  /** its activity is here */
  adopted: boolean;
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
  const { perform, temporal, store, namespace, taskQueue, secrets, most } = options;
  const runs = new Map<string, Running>();
  let open = 0;
  let closed = false;
  // A cancellation comes with the activity, where that is here.
  const stopListening = store.processes.onStop((id, reason) => {
    const running = runs.get(id);
    if (!running?.adopted) running?.cancel(reason === 'cancelled' ? 'CANCELLED' : 'NOT_FOUND');
  });

  function begin({ id, pattern, ...given }: Parameters<RunsHere['begin']>[0]): BegunHere | undefined {
    if (closed || open >= most || runs.has(id)) return undefined;
    const name = randomUUID();
    const chain = chainBegunHere(name);
    const known = Promise.withResolvers<void>();
    known.promise.catch(() => {});
    const cancelling = new AbortController();
    const startedAt = new Date();
    const [input, options] = asTold(given, secrets);
    const run = {
      id,
      pattern: pattern as DirectPattern,
      input,
      options,
      chain,
      runId: name,
      startedAt,
      taskQueue,
      known: known.promise,
    };
    const context = contextOf(id, startedAt, cancelling.signal);
    open += 1;
    store.events.expect(chain);
    const outcome = activityContext.run(context, () => perform(temporal, run));
    const running: Running = { outcome, cancel, ended: false, adopted: false };
    runs.set(id, running);
    const looking = setInterval(() => void endWithActivity(id, running), LOOK_AT_TEMPORAL_MS);
    outcome
      .catch(() => {})
      .finally(() => {
        clearInterval(looking);
        open -= 1;
        running.ended = true;
        forgetInTime(id, running);
      });
    return {
      begun: { chain, by: store.processes.self },
      known: known.resolve,
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
      if (!running) return undefined;
      running.adopted = true;
      const forward = () => running.cancel((signal.reason as Error | undefined)?.message ?? 'NOT_FOUND');
      if (signal.aborted) forward();
      signal.addEventListener('abort', forward, { once: true });
      return running.outcome.finally(() => signal.removeEventListener('abort', forward));
    },
    drain() {
      closed = true;
    },
    async close() {
      closed = true;
      stopListening();
      for (const { cancel } of runs.values()) cancel('WORKER_SHUTDOWN');
      await Promise.allSettled([...runs.values()].map(({ outcome }) => outcome));
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

/** Two looks: a process may be without its connection for a moment. */
const LOOK_EVERY_MS = 1_000;
/** One that is there, and has said nothing of a run for so long, has lost it. Calls are given up sooner, ms. */
const SILENT_AT_MOST_MS = 900_000;

/** Waits while another process has the run. @param over true where it is known by other means that the run is another's now */
export async function untilLetGo(
  { events, processes }: Pick<Store, 'events' | 'processes'>,
  id: string,
  { chain, by }: BegunRun,
  { signal, over }: { signal: AbortSignal; over(): Promise<boolean> },
): Promise<void> {
  const gone = new AbortController();
  const waiting = AbortSignal.any([gone.signal, signal]);
  let heardAt = performance.now();
  const watch = async () => {
    for (let missed = 0; !waiting.aborted; ) {
      const there = await processes.isThere(by).catch(() => true);
      missed = there ? 0 : missed + 1;
      const lost = missed >= 2 || performance.now() - heardAt > SILENT_AT_MOST_MS;
      if (lost || (await over().catch(() => false))) return gone.abort();
      await delay(LOOK_EVERY_MS, undefined, { signal: waiting }).catch(() => {});
    }
  };
  void watch();
  try {
    for await (const _ of events.followPages(id, { chain, signal: waiting })) heardAt = performance.now();
  } finally {
    gone.abort();
  }
}
