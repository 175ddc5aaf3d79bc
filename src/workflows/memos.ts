import type { WorkflowInfo } from '@temporalio/workflow';
import { type CallError, chainOfTick } from '../contract/index.ts';

/*
 * What a run is told by its memo: whose step it does, what it did in earlier histories, what the direct lane waited for.
 */

/** The memo by which a run that does a step of another, or goes on where the direct lane ended, knows its chain, and
 *  those above it. */
export const PART_OF = 'cadenzaPartOf';

export interface PartOf {
  chain: string;
  above: string[];
}

/** The memo by which a run that goes on in a new history knows what it did in the ones before. */
export const SO_FAR = 'cadenzaSoFar';

export interface SoFar {
  /** the run id of the history before */
  run: string;
  chain: string;
  steps: Record<string, number>;
  models: string[];
  spentUsd: number;
}

/** The memo by which whoever goes on with a run of the direct lane knows what it waits for, and what came to nothing. */
export const WAITS = 'cadenzaWaits';

export interface Waits {
  /** ms since 1970: nothing can go on before */
  until: number;
  /** when the patience of a step that has begun ends, ms since 1970 */
  deadlines: Record<string, number>;
  /** how steps ended that have no result: they are not asked again, as those are not that have one */
  failed: Record<string, CallError>;
}

/** Temporal's cron keeps the first-execution run id from tick to tick. */
export function ownChain({ cronSchedule, firstExecutionRunId, originalExecutionRunId }: WorkflowInfo): string {
  return cronSchedule === undefined ? firstExecutionRunId : chainOfTick(firstExecutionRunId, originalExecutionRunId);
}

/** What the histories before this one did; a tick of Temporal's cron has the memo of the one before it, and none of these. */
export function soFarOf({ memo, cronSchedule, continuedFromExecutionRunId }: WorkflowInfo): Partial<SoFar> {
  const soFar = (memo?.[SO_FAR] ?? {}) as Partial<SoFar>;
  return cronSchedule === undefined || soFar.run === continuedFromExecutionRunId ? soFar : {};
}

/** The chain of the run that a workflow is, whether it has begun as one or not. */
export function chainOf(info: WorkflowInfo): string {
  const partOf = info.memo?.[PART_OF] as PartOf | undefined;
  return soFarOf(info).chain ?? partOf?.chain ?? ownChain(info);
}
