import { ActivityCancellationType, isCancellation, proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import {
  type CadenzaActivities,
  type CallError,
  DEFAULT_MAX_ATTEMPTS,
  DEFAULT_TIMEOUTS,
  type ModelCall,
  type ModelRef,
  type ModelReply,
  type ModelRequest,
  modelCallOf,
  type Policy,
} from '../../contract/index.ts';
import { callErrorOf } from '../failures.ts';
import { callAsForked } from '../fork.ts';
import { currentRun, note, spent } from '../run.ts';

/** A worker that has not been heard of for so long is dead, ms. Workers report every 2 s. */
const HEARTBEAT_TIMEOUT_MS = 8_000;
/** Attempts beyond the policy's that are lost with their workers rather than failed by a provider. */
const LOST_WORKERS = 30;

export interface CallPlan {
  step: string;
  model: ModelRef;
  policy: Policy;
  request: ModelRequest;
  /** the how-manieth call of the step this is, from 1 */
  nth: number;
  fallback?: ModelCall['fallback'];
  sample?: number;
  /** the model that is asked too if the first token is late */
  hedge?: { model: ModelRef; afterMs: number };
}

export type CallOutcome = { reply: ModelReply } | { error: CallError };

/** One model call as one activity, seen in the Temporal UI as `callModel • <provider/model> · <step>`.
 *  A provider's failure is a value here; only cancellation throws. */
export async function callModel(plan: CallPlan): Promise<CallOutcome> {
  const { step, model, nth, hedge } = plan;
  const asked = hedge ? `${model}, after ${hedge.afterMs} ms also ${hedge.model}` : model;
  const title = `${asked} · ${step}${nth > 1 ? ` · attempt ${nth}` : ''}`;
  try {
    const activity = activityFor(plan.policy, title);
    const reply = hedge
      ? await activity.callHedged(callOf(plan), secondOf(plan, hedge.model), hedge.afterMs, plan.request)
      : await activity.callModel(callOf(plan), plan.request);
    spent(reply);
    note(
      `${step}: ${reply.model}, ${reply.usage.outputTokens} tokens${reply.cached ? ', from the cache' : ''}${reply.invalid ? ', unusable' : ''}`,
    );
    return { reply };
  } catch (thrown) {
    if (isCancellation(thrown)) throw thrown;
    const error = { ...callErrorOf(thrown), step, model };
    note(`${step}: ${model} failed, ${error.type}`);
    return { error };
  }
}

function callOf({ step, model, policy, fallback, sample }: CallPlan): ModelCall {
  return callAsForked(modelCallOf(policy, { run: currentRun().ref, step, model, fallback, sample }));
}

function secondOf(plan: CallPlan, model: ModelRef): ModelCall {
  return callOf({ ...plan, model, fallback: undefined });
}

function activityFor(policy: Policy, summary: string): Pick<CadenzaActivities, 'callModel' | 'callHedged'> {
  const totalMs = policy.timeouts?.totalMs ?? DEFAULT_TIMEOUTS.totalMs;
  const options = {
    summary,
    // Twice: a call may first wait for an equal one of another run, and then have to be made after all.
    startToCloseTimeout: 2 * totalMs + 15_000,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: {
      initialInterval: 500,
      backoffCoefficient: 2,
      maximumInterval: 30_000,
      maximumAttempts: (policy.maxAttempts ?? DEFAULT_MAX_ATTEMPTS) + LOST_WORKERS,
    },
  };
  return policy.lane === 'fast'
    ? proxyLocalActivities<CadenzaActivities>(options)
    : proxyActivities<CadenzaActivities>({ ...options, heartbeatTimeout: HEARTBEAT_TIMEOUT_MS });
}
