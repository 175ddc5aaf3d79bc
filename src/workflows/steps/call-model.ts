import { ActivityCancellationType, ActivityFailure, isCancellation, TimeoutFailure } from '@temporalio/workflow';
import {
  type Ask,
  batchingOf,
  type CadenzaActivities,
  type CallError,
  type ModelCall,
  type ModelRef,
  type ModelReply,
  type ModelRequest,
  modelCallOf,
  type Policy,
  queuePlaceOf,
} from '../../contract/index.ts';
import { callErrorOf } from '../failures.ts';
import { callAsForked } from '../fork.ts';
import { host, perRun } from '../host.ts';
import { currentRun, note } from '../run.ts';
import { spent } from '../spending.ts';
import { placeOf } from '../step-id.ts';

/** A worker that has not been heard of for so long is dead, ms. Workers report every 0.8 s. */
const HEARTBEAT_TIMEOUT_MS = 8_000;
/** A worker is known by its heartbeats, and a provider by the call's own clocks: what is left is an answer that was paid
 *  for and waits for PostgreSQL. It is not thrown away. */
const LONGEST_CALL = '30 days';
/** Attempts lost with their workers before the call is thought to be what kills them. Failures of a provider end by themselves. */
const LOST_WORKERS = 200;
/** Looks for an answer that comes with a batch, besides: each is an attempt of the activity, some 300 a day. */
const LOOKS_FOR_BATCH = 10_000;

export interface CallPlan extends Pick<Ask, 'model' | 'nth' | 'fallback' | 'sample' | 'evict' | 'unasked'> {
  step: string;
  /** who asks, where that is not the step */
  by?: string;
  policy: Policy;
  request: ModelRequest;
  /** whoever asks tells that the step is complete, once it has checked the answer */
  checkedAfter?: boolean;
  /** ms since 1970 until which the step waits */
  deadline: number;
  /** the model that is asked too if the first token is late */
  hedge?: { model: ModelRef; afterMs: number };
}

/** Steps whose model call is under way, or was cancelled. */
const underWay = perRun(() => new Set<string>());

/** The steps whose calls were cancelled. */
export function takeCancelledSteps(): string[] {
  const steps = [...underWay()];
  underWay().clear();
  return steps;
}

export type CallOutcome = { reply: ModelReply } | { error: CallError };

/** One model call as one activity, seen in the Temporal UI as `callModel • <provider/model> · <step>`, and
 *  where somebody else than the step asks, ` · <who>`.
 *  A provider's failure is a value here; only cancellation throws. */
export async function callModel(plan: CallPlan): Promise<CallOutcome> {
  const { step, by = step, model, nth, hedge } = plan;
  const asked = hedge ? `${model}, after ${hedge.afterMs} ms also ${hedge.model}` : model;
  const title = `${asked} · ${step}${isNamedAfter(step, by) ? '' : ` · ${by}`}${nth > 1 ? ` · attempt ${nth}` : ''}`;
  underWay().add(step);
  try {
    const activity = activityFor(plan.policy, title);
    const reply = hedge
      ? await activity.callHedged(callOf(plan), secondOf(plan, hedge.model), hedge.afterMs, plan.request)
      : await activity.callModel(callOf(plan), plan.request);
    underWay().delete(step);
    spent(reply);
    note(
      `${step}: ${reply.model}, ${reply.usage.outputTokens} tokens${reply.cached ? ', from the cache' : ''}${reply.invalid ? ', unusable' : ''}`,
    );
    return { reply };
  } catch (thrown) {
    if (isCancellation(thrown)) throw thrown;
    if (isLost(thrown)) await bookLost(plan);
    if (!host().isCancelled()) underWay().delete(step);
    const error = { ...callErrorOf(thrown), step, model };
    note(`${step}: ${model} failed, ${error.type}`);
    return { error };
  }
}

/** Temporal makes a call again that was lost with its worker, but not one that was to be cancelled. */
function isLost(thrown: unknown): boolean {
  return (
    thrown instanceof ActivityFailure &&
    thrown.cause instanceof TimeoutFailure &&
    thrown.cause.timeoutType === 'HEARTBEAT'
  );
}

async function bookLost(plan: CallPlan): Promise<void> {
  const calls = [callOf(plan), ...(plan.hedge ? [secondOf(plan, plan.hedge.model)] : [])];
  await host().nonCancellable(() =>
    host()
      .proxyLocalActivities<Pick<CadenzaActivities, 'bookLost'>>({
        summary: `what was lost with its worker · ${plan.step}`,
        startToCloseTimeout: '1 minute',
      })
      .bookLost(calls, plan.request),
  );
}

/** `agent#2` is the second turn of `agent`. */
function isNamedAfter(step: string, by: string): boolean {
  return step.replace(/#\d+$/, '') === by;
}

function callOf(plan: CallPlan): ModelCall {
  const { step, model, policy, deadline, request, fallback, sample, evict, unasked, checkedAfter } = plan;
  const place = placeOf(step, request);
  const call = { run: currentRun().ref, step, place, model, fallback, sample, evict, unasked, checkedAfter };
  return callAsForked(modelCallOf(policy, deadline, call));
}

function secondOf(plan: CallPlan, model: ModelRef): ModelCall {
  return callOf({ ...plan, model, fallback: undefined, evict: undefined, unasked: undefined });
}

function activityFor(policy: Policy, summary: string): Pick<CadenzaActivities, 'callModel' | 'callHedged'> {
  const { lane } = policy;
  const batching = batchingOf(policy);
  const options = {
    summary,
    startToCloseTimeout: LONGEST_CALL,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    // Also where the run was started by somebody who gave it no place.
    priority: queuePlaceOf(currentRun().ref),
    retry: {
      initialInterval: 500,
      backoffCoefficient: 2,
      maximumInterval: 30_000,
      maximumAttempts: batching ? LOOKS_FOR_BATCH : LOST_WORKERS,
    },
  } as const;
  // Those that wait are not kept waiting in a workflow task.
  return lane === undefined || lane === 'standard' || batching
    ? host().proxyActivities<CadenzaActivities>({ ...options, heartbeatTimeout: HEARTBEAT_TIMEOUT_MS })
    : host().proxyLocalActivities<CadenzaActivities>(options);
}
