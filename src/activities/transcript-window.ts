import type { SummaryDue, SummaryRule } from '../contract/index.ts';

/** A line of a transcript, as far as choosing needs it. `tokens`: estimated. */
export interface Line {
  role: string;
  tokens: number;
}

/** Share of the room that is still filled after lines had to be left out. */
const FILLED_AFTERWARDS = 0.75;

/**
 * Chooses the newest lines that fit. More than needed are left out at once, so that the beginning of the requests stays
 * the same for many turns: providers bill a beginning they know at a fraction.
 * @param lines the window so far, and what came since
 * @param room estimated tokens
 * @returns the index of the first line that is sent, which begins a turn; `lines.length` if none is
 */
export function windowStart(lines: Line[], room: number): number {
  const sizes = tokensFrom(lines);
  if (sizes[0]! <= room) return 0;
  return turnStarts(lines).find((start) => sizes[start]! <= room * FILLED_AFTERWARDS) ?? lines.length;
}

/**
 * Chooses the lines a summary is due for: the oldest without one, as whole turns, as many as one request can take.
 * @param lines those without a summary; `rule.from` is the number of the first
 */
export function summaryDue(lines: Line[], rule: SummaryRule): SummaryDue | undefined {
  const sizes = tokensFrom(lines);
  const starts = turnStarts(lines);
  const keptFrom = starts.at(-rule.keepTurns);
  if (sizes[0]! <= rule.whenOverTokens || !keptFrom) return undefined;
  const ends = starts.filter((start) => start > 0 && start <= keptFrom);
  const fitting = ends.findLast((end) => sizes[0]! - sizes[end]! <= rule.room);
  return fitting === undefined ? { to: rule.from + ends[0]!, tooLong: true } : { to: rule.from + fitting };
}

/** Tokens from each line to the end, and 0 after the last. */
function tokensFrom(lines: Line[]): number[] {
  const sums = [0];
  for (const { tokens } of lines.toReversed()) sums.push(sums.at(-1)! + tokens);
  return sums.reverse();
}

function turnStarts(lines: Line[]): number[] {
  return lines.flatMap(({ role }, index) => (role === 'user' ? [index] : []));
}
