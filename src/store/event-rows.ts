import type { RunEvent } from '../contract/index.ts';

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

export function toRunEvent({ seq, at, step, call, epoch, type, data }: EventRow, runId: string): RunEvent {
  const event: Record<string, unknown> = { runId, seq, at: asIso(at) };
  if (step !== null) event.step = step;
  if (call !== null) event.call = call;
  if (epoch !== null) event.epoch = epoch;
  event.type = type;
  return Object.assign(event, data) as unknown as RunEvent;
}

let lastAt: Date | string = '';
let lastIso = '';

/** All events of a flush have one time, which is put into words once. */
function asIso(at: Date | string): string {
  if (at !== lastAt) {
    lastIso = new Date(at).toISOString();
    lastAt = at;
  }
  return lastIso;
}
