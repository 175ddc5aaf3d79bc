/** Lanes work beside each other, so that a slow row holds up its own slice alone. */
const LANES = 4;
/** Most rows at once in one lane, which is one activity of one worker. */
const MOST_IN_A_LANE = 16;
/** Most rows of a slice, for each that is worked on at once. */
const ROWS_A_SLICE = 16;
/** Most rows of a slice that waits for batches: each look for their answers is a query a row. */
const ROWS_A_BATCHED_SLICE = 2_000;

/** How many rows each lane works on at once: together exactly as many as asked for. */
export function lanesOf(concurrency: number): number[] {
  const lanes = Math.min(concurrency, Math.max(LANES, Math.ceil(concurrency / MOST_IN_A_LANE)));
  return Array.from({ length: lanes }, (_, lane) => Math.ceil((concurrency - lane) / lanes));
}

/** Rows of a lane's next slice: fewer towards the end, so that all lanes end at about the same time. */
export function sliceRows(left: number, lanes: number, width: number): number {
  const fair = Math.ceil(left / (2 * lanes));
  return Math.min(left, Math.max(width, Math.min(fair, width * ROWS_A_SLICE)));
}

/** How many rows a lane's next slice has where they wait for batches: as many as let all rows wait at once. */
export function batchedSliceRows(left: number, turns: number, lanes: number): number {
  return Math.min(left, Math.ceil(turns / lanes), ROWS_A_BATCHED_SLICE);
}
