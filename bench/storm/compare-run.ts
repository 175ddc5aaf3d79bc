import type { Seen } from './client.ts';
import { essenceOf, POOR } from './runs.ts';

/** A call that has its answer in the journal. */
export interface FinishedCall {
  key: string;
  run: string;
  step: string;
  text: string | null;
  reply: string;
  endedAt: number;
}

/** What is wrong with what a client saw of one run: gaps, an answer that streamed otherwise, a result that is not the one of an
 *  undisturbed run, calls too many or too few. */
export function problemsOf(
  { run, events, status, result, odd }: Seen,
  references: Map<string, Seen>,
  calls: FinishedCall[],
): string[] {
  const problems = [...odd];
  if (!events.every(({ seq }, index) => seq === index + 1)) problems.push('its events have gaps, or come twice');
  if (run.tenant === POOR && status === 409) {
    const { errorType } = result as { errorType?: string };
    return errorType === 'BudgetExceeded' ? problems : [...problems, `it failed with ${errorType}`];
  }
  if (status !== 200) return [...problems, `${status} ${JSON.stringify(result)}`];
  const reference = references.get(run.pattern);
  if (reference && essenceOf(result) !== essenceOf(reference.result)) {
    problems.push(
      `its result is another than undisturbed: ${essenceOf(result)} instead of ${essenceOf(reference.result)}`,
    );
  }
  const mine = ({ run: id }: FinishedCall, whose: string) => id === whose || id.startsWith(`${whose}/`);
  const finished = calls.filter((call) => mine(call, run.id));
  const usual = reference && calls.filter((call) => mine(call, reference.run.id)).length;
  if (usual !== undefined && finished.length !== usual) problems.push(`${finished.length} calls instead of ${usual}`);
  // Rows of a map do not stream.
  for (const event of run.pattern === 'map' ? [] : events) {
    if (event.type !== 'call.completed' || event.cached) continue;
    const text = events
      .filter((other) => other.type === 'call.delta' && other.call === event.call && other.epoch === event.epoch)
      .map((delta) => (delta as { text: string }).text)
      .join('');
    const call = finished.find(({ key }) => key.startsWith(event.call!));
    if (text !== (call?.text ?? '')) problems.push(`step ${event.step} streamed another text than its answer`);
  }
  return problems;
}
