import { z } from 'zod';
import { later } from './later.ts';

/** Whether somebody waits for a run's answers. Of calls that wait for the same limit, or the same workers, interactive ones come
 *  first. Left out, maps and ingests are `batch`, and all others `interactive`. */
export const RunPriority = later(() => z.enum(['interactive', 'batch']));
export type RunPriority = z.infer<typeof RunPriority>;

/** Temporal's keys, 1 (first) to 5; what nobody gave one has 3. */
export const PRIORITY_KEYS: Record<RunPriority, number> = { interactive: 2, batch: 4 };

const OF_MANY = ['map', 'ingest'];

export function priorityOf({ priority, pattern }: { priority?: RunPriority; pattern: string }): RunPriority {
  return priority ?? (OF_MANY.includes(pattern) ? 'batch' : 'interactive');
}

/** Bytes a fairness key may have. */
const LONGEST_FAIRNESS_KEY = 64;
const MOST_BYTES_A_CHARACTER = 4;

/** A run's place in Temporal's task queues: by priority, then in turns of tenants. Servers that know neither take no notice. */
export function queuePlaceOf(run: { priority?: RunPriority; pattern: string; tenant?: string }): {
  priorityKey: number;
  fairnessKey?: string;
} {
  const priorityKey = PRIORITY_KEYS[priorityOf(run)];
  if (run.tenant === undefined) return { priorityKey };
  const isAscii = /^[ -~]*$/.test(run.tenant);
  const length = isAscii ? LONGEST_FAIRNESS_KEY : LONGEST_FAIRNESS_KEY / MOST_BYTES_A_CHARACTER;
  return { priorityKey, fairnessKey: [...run.tenant].slice(0, length).join('') };
}
