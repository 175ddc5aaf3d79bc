import type { Bill } from '../../contract/index.ts';
import { count, seconds, usd } from './numbers.ts';
import type { Transcript } from './transcript.ts';

/** What is said under an answer: who gave it, what it cost, how long it took, and where to see more. */
export function footer(id: string, transcript: Transcript, bill: Bill, temporal: string | undefined): string {
  const models = [...new Set(bill.calls.map(({ model }) => model))];
  const cached = bill.calls.length > 0 && bill.calls.every((call) => call.cached) ? ['from the cache'] : [];
  const { startedAt, endedAt } = transcript;
  const took = startedAt !== undefined && endedAt !== undefined ? [seconds(endedAt - startedAt)] : [];
  const unpriced = bill.unpriced > 0 && bill.totalUsd !== null ? ` (without ${bill.unpriced} unpriced)` : '';
  return [
    [
      models.join(', ') || 'no model has answered',
      ...cached,
      `${count(bill.inputTokens)} + ${count(bill.outputTokens)} tokens`,
      `${usd(bill.totalUsd)}${unpriced}`,
      ...took,
    ].join(' · '),
    `run ${id}${temporal ? ` · ${temporal}` : ''}`,
  ].join('\n');
}
