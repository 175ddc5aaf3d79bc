import { type RunEvent, withoutUndefined } from '../contract/index.ts';

/** An event as the database gives it: by a query, or as JSON by the function that wrote it. */
export interface EventRow {
  chain: string;
  seq: number;
  at: Date | string;
  type: string;
  step: string | null;
  call: string | null;
  epoch: number | null;
  data: Record<string, unknown>;
}

export function toRunEvent(row: EventRow, runId: string): RunEvent {
  return withoutUndefined({
    runId,
    seq: row.seq,
    at: new Date(row.at).toISOString(),
    step: row.step ?? undefined,
    call: row.call ?? undefined,
    epoch: row.epoch ?? undefined,
    type: row.type,
    ...row.data,
  }) as RunEvent;
}
