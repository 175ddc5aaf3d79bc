import type { CallError, MapProgress } from '../contract/index.ts';

/** What became of a row; `cost` is that of its own run, USD. */
export type MapRowEnd = { row: number; cost?: number } & ({ answer: unknown } | { error: CallError });

/** As `end_map_rows` gives them (functions/end-map-rows.sql). */
export interface Sums {
  done: number;
  failed: number;
  total: number;
  /** of the done, those an earlier map answered */
  taken: number;
  cost: number | null;
  /** since the map was opened */
  seconds: number;
  tell: boolean;
}

/** How far a map is; the rows that are left are taken to be like those before them. */
export function progressOf({ done, failed, total, taken, cost, seconds }: Sums): MapProgress {
  const worked = done - taken + failed;
  const perRow = worked === 0 ? 0 : (total - done - failed) / worked;
  return {
    done,
    failed,
    total,
    costUsd: cost,
    secondsLeft: worked === 0 ? null : Math.round(seconds * perRow),
    usdLeft: worked === 0 || cost === null ? null : Number((cost * perRow).toFixed(9)),
  };
}
