import {
  ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  isCancellation,
  ParentClosePolicy,
  TerminatedFailure,
} from '@temporalio/workflow';
import {
  type CallError,
  type ChainStepResult,
  priorityOf,
  queuePlaceOf,
  RunOptions,
  textOfResult,
} from '../../contract/index.ts';
import { callErrorOf, failure } from '../failures.ts';
import { forkMemo } from '../fork.ts';
import { host } from '../host.ts';
import { currentRun, memoOfStep, note, patternsQueue, record } from '../run.ts';
import { stepId } from '../step-id.ts';

export interface SubRun {
  /** name of the step that starts it */
  step: string;
  pattern: string;
  input: unknown;
  /** its id, where that is not `<run>/<step>` */
  run?: string;
}

/**
 * Does a step by a run of its own: with its own id (`<run>/<step>`), events and bill, for the same tenant.
 * Cancelling the chain cancels it; its failure is the step's.
 */
export async function subRun({ step: name, pattern, input, run: named }: SubRun): Promise<ChainStepResult> {
  const { ref } = currentRun();
  const step = stepId(name);
  const run = named ?? `${ref.id}/${inPath(step)}`;
  const path = run.slice(ref.id.length + 1);
  const { tenant, key, metadata, budgetUsd, cacheScope } = ref;
  // A row of a map is not waited for by itself.
  const priority = ref.priority ?? (priorityOf(ref) === 'batch' ? 'batch' : undefined);
  const options = RunOptions.parse({ tenant, key, metadata, budgetUsd, cacheScope, priority });

  await record([{ type: 'step.started', key: `step.started:${step}`, step, data: { run } }]);
  note(`${step}: run ${run}`);
  try {
    const result = await host().executeChild(pattern, {
      workflowId: run,
      taskQueue: await patternsQueue(),
      args: [input, options],
      priority: queuePlaceOf({ ...options, pattern }),
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      memo: { ...memoOfStep(path), ...forkMemo(step, path) },
      staticSummary: `${pattern} · ${step}`,
    });
    await record([{ type: 'step.completed', key: `step.completed:${step}`, step }]);
    return { run, pattern, result, text: textOfResult(result) };
  } catch (thrown) {
    if (host().isCancelled() && isCancellation(thrown)) throw thrown;
    const error = errorOf(thrown instanceof ChildWorkflowFailure ? thrown.cause : thrown);
    throw failure({ ...error, step, message: `The run ${run} of step "${step}" failed. ${error.message}` });
  }
}

function errorOf(thrown: unknown): CallError {
  if (!(thrown instanceof TerminatedFailure)) return callErrorOf(thrown);
  return { type: 'Cancelled', message: 'The run was terminated' };
}

/** Ids of runs stand in addresses, where `#` and brackets may not: `draft[0]` is `draft.0`, `draft#2` is `draft:2`. */
function inPath(step: string): string {
  return step.replaceAll(/\[(\d+)\]/g, '.$1').replaceAll('#', ':');
}
