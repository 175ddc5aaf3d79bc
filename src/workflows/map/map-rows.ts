import { proxyLocalActivities } from '@temporalio/workflow';
import type {
  AskInput,
  EndedRow,
  LoadedRow,
  MapActivities,
  MapProgress,
  OpenRow,
  RunRef,
  Turns,
} from '../../contract/index.ts';
import { answerTo } from '../ask.ts';
import { attempt } from '../attempt.ts';
import { atOnce } from '../chain/at-once.ts';
import { subRun } from '../chain/sub-run.ts';
import { currentRun, joinRun } from '../run.ts';

/** The workflow type of this part of a map. */
export const MAP_ROWS = 'map-rows';

export interface RowsPart {
  /** the map */
  run: RunRef;
  pattern: string;
  rows: OpenRow[] | Turns;
  /** rows worked on at once */
  concurrency: number;
}

const local = proxyLocalActivities<MapActivities>({
  startToCloseTimeout: '10 minutes',
  retry: { initialInterval: 200, maximumInterval: 10_000 },
});

/**
 * A part of a map: works on some of its rows, each as its pattern does, and keeps what became of them.
 *
 *   row numbers --> inputs --> ask: retry, next candidate, repair, patience --+--> results in the store
 *                          --> others: a run of its own, <map>/<row> ---------+
 *
 * What rows say is in this history alone, which is as short as its rows are few.
 */
export async function mapRows(part: RowsPart): Promise<{ models: string[]; progress: MapProgress }> {
  joinRun(part.run);
  const rows = await local.loadRows(part.run, part.rows);
  await atOnce(rows, part.concurrency, async (row) => {
    await local.endRows(part.run, [await ended(part.pattern, row)]);
  });
  const progress = await local.endRows(part.run, []);
  return { models: [...currentRun().models], progress };
}

async function ended(pattern: string, loaded: LoadedRow): Promise<EndedRow> {
  const { row } = loaded;
  if ('error' in loaded) return { row, error: loaded.error };
  if (pattern === 'ask') return { row, ...(await answered(loaded, loaded.input as AskInput)) };
  const { id } = currentRun().ref;
  const run = `${id}/${row}`;
  const outcome = await attempt(subRun({ step: `row/${row}`, run, pattern, input: loaded.input }), `row/${row}`);
  return { row, run, ...('error' in outcome ? outcome : { answer: (outcome as { result: unknown }).result }) };
}

/** The same step as in the activity that asked before, so that its attempts count and its answers are not paid again. */
async function answered({ row, tried }: OpenRow, question: AskInput) {
  const step = `row/${row}`;
  const outcome = await attempt(answerTo(question, { step, routeStep: `${step}/route`, tried }), step);
  return 'error' in outcome ? outcome : { answer: outcome };
}
