import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { asyncLocalStorage as activityContext, Context } from '@temporalio/activity';
import {
  type ActivityOptions,
  type ApplicationFailure,
  CancelledFailure,
  ensureApplicationFailure,
  type LocalActivityOptions,
  TimeoutFailure,
  TimeoutType,
} from '@temporalio/common';
import { msOptionalToNumber, msToNumber } from '@temporalio/common/lib/time.js';
import type { ChildWorkflowOptions, WorkflowInfo } from '@temporalio/workflow';
import { LONGEST_TIMER_MS } from '../activities/clocks.ts';
import { type Host, setHosts } from '../workflows/host.ts';
import { memoToGoOn } from '../workflows/run.ts';

/** A run that must wait for longer is worth a workflow, ms. */
const LONGEST_WAIT_MS = 5_000;

type Activity = (...args: never[]) => Promise<unknown>;

export interface DirectRun {
  /** what `workflowInfo()` says */
  info: WorkflowInfo;
  activities: Readonly<Record<string, unknown>>;
  /** what of its calls' ends is still to be written: it has gone on with their replies */
  ahead: {
    /** @returns false where another worker has the run */
    caughtUp(): Promise<boolean>;
    isOvertaken(): boolean;
  };
  startChild(type: string, options: ChildWorkflowOptions & { args?: unknown[] }): Promise<void>;
}

/** How it ended: with what the pattern gave; where it has to wait for longer than an activity should, with the memo of the
 *  workflow that does; `stopped` where its worker stops, another one has the run, or Temporal knows nothing of the activity any more. */
export type DirectOutcome<Result> = { result: Result } | { memo: Record<string, unknown> } | 'stopped';

/** The code of a run, and all it began, knows its host and what cancels it by this. */
const inside = new AsyncLocalStorage<{ host: Host; scope: AbortSignal }>();
setHosts(() => inside.getStore()!.host);

/**
 * Runs a pattern in the activity that calls this: its calls are made here, one function call each, and found in the
 * journal where they were made before.
 *
 *   pattern --call--> activity's function --> journal --> pattern --> ... --> result
 *                |
 *                +-- long wait, sub-run, activity of somebody else's: what is in flight ends, nothing more begins --> a memo
 *
 * It goes on with a reply while that is written. Before anything leaves the run, all is.
 *
 * @throws what the pattern throws; cancelled like a workflow, once the activity is
 */
export async function hostDirectly<Result>(
  { info, activities, ahead, startChild }: DirectRun,
  work: () => Promise<Result>,
): Promise<DirectOutcome<Result>> {
  const context = Context.current();
  const left = Promise.withResolvers<DirectOutcome<Result>>();
  const cancelled = new AbortController();
  const never = new Promise<never>(() => {});
  let leaving: 'waits' | 'stopped' | undefined;
  /** ms since 1970; whatever else would go on at once waits for nothing */
  let until = Number.POSITIVE_INFINITY;
  let inFlight = 0;

  /** Begins nothing more. What is in flight is paid for, and ends; whoever takes over finds it in the journal. */
  function leave(how: 'waits' | 'stopped', waitMs = 0): Promise<never> {
    leaving ??= how;
    until = Math.min(until, Date.now() + waitMs);
    leaveIfIdle();
    return never;
  }

  function leaveIfIdle(): void {
    if (leaving === undefined || inFlight > 0) return;
    void ahead.caughtUp().then(async (isMine) => {
      const at = until;
      // By then the pattern has heard what ended last: a step that has failed by it is in the memo.
      await setImmediate();
      const waits = isMine && leaving === 'waits';
      left.resolve(waits ? { memo: inside.run(root, () => memoToGoOn(at)) } : 'stopped');
    });
  }

  const scope = () => inside.getStore()!.scope;

  async function call(name: string, args: never[], options: ActivityOptions & LocalActivityOptions): Promise<unknown> {
    const activity = activities[name] as Activity | undefined;
    if (leaving || !activity || options.taskQueue !== undefined) return leave('waits');
    const { initialInterval = 1_000, backoffCoefficient = 2, maximumInterval, maximumAttempts } = options.retry ?? {};
    const longestMs = msOptionalToNumber(maximumInterval) ?? 100 * msToNumber(initialInterval);
    inFlight += 1;
    let waitMs = 0;
    try {
      for (let attempt = 1; ; attempt += 1) {
        scope().throwIfAborted();
        const failed = await attempted(activity, args, name, attempt, options);
        if ('result' in failed) return failed.result;
        if (ahead.isOvertaken()) return leave('stopped');
        const { failure } = failed;
        if (attempt >= (maximumAttempts ?? Number.POSITIVE_INFINITY) || isFinal(failure, options)) throw failure;
        const backoffMs = Math.min(longestMs, msToNumber(initialInterval) * backoffCoefficient ** (attempt - 1));
        waitMs = msOptionalToNumber(failure.nextRetryDelay ?? undefined) ?? backoffMs;
        if (leaving || waitMs > LONGEST_WAIT_MS) break;
        await pause(waitMs);
      }
    } finally {
      inFlight -= 1;
      leaveIfIdle();
    }
    return leave('waits', waitMs);
  }

  /** One attempt, in a context of its own: it is cancelled with its scope, and times itself as local activities do. */
  async function attempted(
    activity: Activity,
    args: never[],
    name: string,
    attempt: number,
    { startToCloseTimeout, scheduleToCloseTimeout }: ActivityOptions,
  ): Promise<{ result: unknown } | { failure: ApplicationFailure }> {
    const cancelling = scope();
    const timeoutMs = msOptionalToNumber(scheduleToCloseTimeout ?? startToCloseTimeout);
    const clock = timeoutMs !== undefined && timeoutMs <= LONGEST_TIMER_MS ? AbortSignal.timeout(timeoutMs) : undefined;
    const signal = clock ? AbortSignal.any([cancelling, clock]) : cancelling;
    const { client, log, metricMeter } = context;
    const about = { ...context.info, activityType: name, attempt, isLocal: true };
    const own = new Context(about, never, signal, () => {}, client, log, metricMeter, {});
    try {
      return { result: await activityContext.run(own, () => activity(...args)) };
    } catch (thrown) {
      if (cancelling.aborted) throw cancelling.reason;
      if (clock?.aborted) throw new TimeoutFailure('activity timed out', undefined, TimeoutType.START_TO_CLOSE);
      return { failure: ensureApplicationFailure(thrown) };
    }
  }

  async function pause(ms: number): Promise<void> {
    const signal = scope();
    await delay(ms, undefined, { signal }).catch(() => {
      throw signal.reason;
    });
  }

  const proxy: Host['proxyActivities'] = (options) =>
    new Proxy({} as never, {
      get:
        (_, name) =>
        (...args: never[]) =>
          call(String(name), args, options as never),
    });

  const host: Host = {
    workflowInfo: () => info,
    proxyActivities: proxy,
    proxyLocalActivities: proxy as never,
    async sleep(ms) {
      const waitMs = msToNumber(ms);
      if (leaving || waitMs > LONGEST_WAIT_MS) return leave('waits', waitMs);
      await pause(waitMs);
    },
    executeChild: () => leave('waits'),
    startChild: (async (type: string, child: ChildWorkflowOptions) => {
      if (leaving) return never;
      return (await ahead.caughtUp()) ? startChild(type, child) : leave('stopped');
    }) as never,
    patched: () => true,
    setCurrentDetails() {},
    upsertSearchAttributes() {},
    cancellable(act) {
      const own = new AbortController();
      const within = AbortSignal.any([scope(), own.signal]);
      return inside.run({ host, scope: within }, () => act(() => own.abort(new CancelledFailure('CANCELLED'))));
    },
    nonCancellable: (act) => inside.run({ host, scope: new AbortController().signal }, act),
    onSignal() {},
    isCancelled: () => scope().aborted,
  };

  const root = { host, scope: cancelled.signal };

  async function done(): Promise<DirectOutcome<Result>> {
    try {
      const result = await work();
      return (await ahead.caughtUp()) ? { result } : 'stopped';
    } catch (thrown) {
      if (await ahead.caughtUp()) throw thrown;
      return 'stopped';
    }
  }

  /** A person's cancellation is the pattern's to see; all others are not its end. */
  function onAbort(): void {
    const { reason } = context.cancellationSignal;
    const isCancelled = reason instanceof CancelledFailure && reason.message === 'CANCELLED';
    if (!isCancelled) leave('stopped');
    cancelled.abort(reason);
  }
  if (context.cancellationSignal.aborted) onAbort();
  context.cancellationSignal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([inside.run(root, done), left.promise]);
  } finally {
    context.cancellationSignal.removeEventListener('abort', onAbort);
  }
}

function isFinal({ type, nonRetryable }: ApplicationFailure, { retry }: ActivityOptions): boolean {
  return nonRetryable === true || (type != null && (retry?.nonRetryableErrorTypes ?? []).includes(type));
}
