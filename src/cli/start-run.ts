import type { Cadenza, StartedRun } from '../client/cadenza.ts';
import type { StartOptions } from '../client/check-start.ts';
import { printNote } from './output.ts';

/** Starts a run, or says that the one shown was there already: `--id` given twice. */
export async function startRun(
  client: Cadenza,
  pattern: string,
  input: unknown,
  options: StartOptions,
): Promise<StartedRun> {
  const run = await client.startUnchecked(pattern, input, options);
  if (!run.isNew) noteThere(run.id);
  return run;
}

export function noteThere(id: string): void {
  printNote(`The run ${id} was there already; this is it.`);
}
