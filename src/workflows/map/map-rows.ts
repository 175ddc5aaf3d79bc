import { continueAsNew, workflowInfo } from '@temporalio/workflow';
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
import { subRun } from '../chain/sub-run.ts';
import { concurrently } from '../concurrently.ts';
import { localActivities } from '../local-activities.ts';
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
  /** models that answered in earlier histories of the part */
  models?: string[];
}

const local = localActivities<MapActivities>({
  startToCloseTimeout: '10 minutes',
  retry: { initialInterval: 200, maximumInterval: 10_000 },
});

/**
 * A part of a map: works on some of its rows, each as its pattern does, and keeps what became of them.
 *
 *   row numbers --> inputs --> ask: retry, next candidate, repair, patience --+--> results in the store
 *                          --> others: a run of its own, <map>/<row> ---------+
 *
 * What rows say is in this history alone, which is as short as its rows are few. After a long outage it may be full
 * before they are all done: then the part goes on in a new one with those that wait, and the patience they have left.
 */
export async function mapRows(part: RowsPart): Promise<{ models: string[]; progress: MapProgress }> {
  const { run, pattern, concurrency } = part;
  joinRun(run);
  const open = new Map(Array.isArray(part.rows) ? part.rows.map((row) => [row.row, row]) : []);
  const rows = await local.loadRows(run, Array.isArray(part.rows) ? [...open.keys()] : part.rows);
  let begun = 0;
  await concurrently(
    rows,
    concurrency,
    async (row) => {
      begun += 1;
      await local.endRows(run, [await ended(pattern, { ...row, ...open.get(row.row) })]);
    },
    () => !workflowInfo().continueAsNewSuggested,
  );
  const models = [...new Set([...(part.models ?? []), ...currentRun().models])];
  if (begun < rows.length) {
    const left = rows.slice(begun).map(({ row }) => open.get(row) ?? { row });
    return continueAsNew<typeof mapRows>({ ...part, rows: left, models });
  }
  return { models, progress: await local.endRows(run, []) };
}

type RowAtWork = LoadedRow & Omit<OpenRow, 'row'>;

async function ended(pattern: string, loaded: RowAtWork): Promise<EndedRow> {
  const { row } = loaded;
  if ('error' in loaded) return { row, error: loaded.error };
  if (pattern === 'ask') return { row, ...(await answered(loaded, loaded.input as AskInput)) };
  const { id } = currentRun().ref;
  const run = `${id}/${row}`;
  const outcome = await attempt(subRun({ step: `row/${row}`, run, pattern, input: loaded.input }), `row/${row}`);
  return { row, run, ...('error' in outcome ? outcome : { answer: (outcome as { result: unknown }).result }) };
}

/** The same step as in the activity that asked before, so that its attempts count and its answers are not paid again. */
async function answered({ row, tried, deadline }: OpenRow, question: AskInput) {
  const step = `row/${row}`;
  // Its turn may come when its patience is over: then it is asked from the start, once.
  const before = deadline !== undefined && deadline > Date.now() ? tried : undefined;
  const asked = answerTo(question, { step, routeStep: `${step}/route`, tried: before, deadline });
  const outcome = await attempt(asked, step);
  return 'error' in outcome ? outcome : { answer: outcome };
}
