import { proxyActivities } from '@temporalio/workflow';
import {
  DEFAULT_MAP_CONCURRENCY,
  type MapActivities,
  type MapDefinition,
  type MapResult,
  PATTERNS,
  type RunOptions,
} from '../contract/index.ts';
import { concurrently } from './concurrently.ts';
import { continueRun } from './continue-run.ts';
import { inputOf } from './input.ts';
import { localActivities } from './local-activities.ts';
import { batchedSliceRows, lanesOf, sliceRows } from './map/lanes.ts';
import { HEARTBEAT_TIMEOUT_MS, MAP_RETRY, workSlice } from './map/work-slice.ts';
import { hasNewerBuild } from './newer-build.ts';
import { currentRun, note } from './run.ts';

/** Slices of one history; each takes some 2 KB of it. */
const SLICES_A_HISTORY = 32;

const { openMap } = proxyActivities<MapActivities>({
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
  retry: MAP_RETRY,
});
const local = localActivities<MapActivities>({ startToCloseTimeout: '10 minutes', retry: MAP_RETRY });

/** How far a map has come: what travels into its next history. */
interface Going {
  total: number;
  /** rows of this pass, and the first that is in no slice yet */
  turns: number;
  next: number;
  /** rows wait for batches: slices are as large as may be, so that they do together */
  batched?: boolean;
  /** the second pass: for rows that found what was left of the budget held for others */
  last: boolean;
}

/**
 * Run a pattern for each row of a data set, so many at once.
 *
 *            +-> lane 1: slice, slice, slice, ... --+
 *   rows ----+-> lane 2: slice, slice, slice, ... --+--> results in the store, in the order of the rows
 *            +-> lane n: slice, slice, slice, ... --+    failed rows with their errors
 *
 * Row numbers pass through here, never rows, and a new history begins before this one grows. A row that fails does not
 * fail the map.
 */
export async function map(input: MapDefinition, options?: RunOptions, before?: Going): Promise<MapResult> {
  const { definition, going } = before ? { definition: input, going: before } : await begin(input);
  await pass(definition, going);
  const after = await remainingWork(going);
  if (!after) return local.closeMap(currentRun().ref);
  return continueRun(definition, options, after);
}

async function begin(input: MapDefinition): Promise<{ definition: MapDefinition; going: Going }> {
  const given = inputOf(PATTERNS.map.input, input);
  const { source, total, turns, batched } = await openMap(currentRun().ref, given);
  if (turns < total) note(`${total - turns} rows are taken over from an earlier map`);
  const { items: _, ...definition } = given;
  return { definition: { ...definition, source }, going: { total, turns, next: 1, batched, last: false } };
}

/** Works on slices until there are none, the history is long enough, or a newer build is there. */
async function pass({ pattern, concurrency = DEFAULT_MAP_CONCURRENCY }: MapDefinition, going: Going): Promise<void> {
  const lanes = lanesOf(going.last ? 1 : concurrency);
  let slices = 0;
  await concurrently(lanes, lanes.length, async (width) => {
    while (going.next <= going.turns && slices < SLICES_A_HISTORY && !hasNewerBuild()) {
      slices += 1;
      const from = going.next;
      const left = going.turns - from + 1;
      const rows = going.batched
        ? batchedSliceRows(left, going.turns, lanes.length)
        : sliceRows(left, lanes.length, width);
      const to = from - 1 + rows;
      going.next = to + 1;
      await workSlice({ pattern, from, to, concurrency: width, last: going.last, turns: going.turns });
    }
  });
}

/** How the map goes on, if it does. */
async function remainingWork(going: Going): Promise<Going | undefined> {
  if (going.next <= going.turns) return going;
  const turns = going.last ? 0 : await local.requeueRows(currentRun().ref);
  if (turns === 0) return undefined;
  note(`${turns} rows found the rest of the budget held for others, and are asked again one by one`);
  return { ...going, turns, next: 1, last: true };
}
