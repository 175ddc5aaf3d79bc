import {
  ActivityCancellationType,
  ChildWorkflowCancellationType,
  executeChild,
  ParentClosePolicy,
  proxyActivities,
} from '@temporalio/workflow';
import type { MapActivities, MapProgress, Turns } from '../../contract/index.ts';
import { currentRun, note } from '../run.ts';
import { spentInAll } from '../spending.ts';
import { MAP_ROWS, type RowsPart } from './map-rows.ts';

/** Worked until the database is back, or the rows' own clocks run out. */
export const MAP_RETRY = { initialInterval: 500, maximumInterval: 10_000, nonRetryableErrorTypes: ['InvalidRequest'] };

/** Workers report every 0.8 s. */
export const HEARTBEAT_TIMEOUT_MS = 8_000;

interface Slice extends Turns {
  pattern: string;
  concurrency: number;
  last: boolean;
  /** how many there are in all */
  turns: number;
}

/**
 * Works on a slice of rows. Where a row is one question, one activity asks them all, and a workflow goes on only with
 * those that one request did not settle; else the workflow starts a run for each row.
 */
export async function workSlice({ pattern, turns, ...slice }: Slice): Promise<void> {
  const { ref } = currentRun();
  const title = `rows ${slice.from}–${slice.to} of ${turns}`;
  if (pattern !== 'ask') return noteProgress(await part({ run: ref, pattern, rows: slice, ...slice }, title));

  const { answerRows } = proxyActivities<MapActivities>({
    summary: `ask · ${title}`,
    // A lost worker is found by its silence; how long a call may take is up to the policies of the rows.
    startToCloseTimeout: '7 days',
    heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: MAP_RETRY,
  });
  for (;;) {
    const { open, waits, models, progress } = await answerRows(ref, slice);
    noteProgress({ models, progress });
    if (open.length === 0) return;
    const { concurrency } = slice;
    noteProgress(
      await part({ run: ref, pattern, rows: open, from: slice.from, concurrency }, `${open.length} of ${title}`),
    );
    if (!waits) return;
  }
}

type Part = RowsPart & { from: number };

/** A workflow of its own holds what rows say, and ends with them. */
function part({ from, ...rows }: Part, title: string): Promise<PartResult> {
  return executeChild<(part: RowsPart) => Promise<PartResult>>(MAP_ROWS, {
    workflowId: `${rows.run.id}/rows-${from}`,
    args: [rows],
    cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
    staticSummary: `${rows.pattern} · ${title}`,
  });
}

interface PartResult {
  models: string[];
  progress: MapProgress;
}

/** Keeps the Temporal UI's live details, and the run's sums. */
function noteProgress({ models, progress }: PartResult): void {
  const { done, failed, total, costUsd } = progress;
  spentInAll(costUsd ?? 0, models);
  note(`${done + failed} of ${total} rows, ${failed} failed${remainingText(progress)}`);
}

function remainingText({ secondsLeft, usdLeft }: MapProgress): string {
  if (!secondsLeft) return '';
  return ` · about ${secondsLeft} s${usdLeft === null ? '' : ` and $${usdLeft.toFixed(6)}`} left`;
}
