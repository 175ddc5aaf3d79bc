import {
  asText,
  type Estimate,
  type EvaluatedRow,
  type EvaluatedVariant,
  type EvaluationReport,
  oneLine,
  type VariantComparison,
} from '../../contract/index.ts';
import { plainText } from '../output.ts';
import { seconds, usd } from './numbers.ts';

/** Rows that are shown of those that got worse, or did not pass. */
const SHOWN_ROWS = 10;
/** Differences that would be written as 0. */
const LEAST_USD = 0.000_000_5;
const ITEM_LENGTH = 60;
const ANSWER_LENGTH = 80;

/** What an evaluation came to, as a table: a line for each variant. */
export function reportCells({ variants }: EvaluationReport): { heads: string[]; rows: string[][] } {
  const scorers = [...new Set(variants.flatMap(({ scorers: own }) => Object.keys(own)))];
  // One scorer alone is the score.
  const shown = scorers.length > 1 ? scorers : [];
  return {
    heads: ['VARIANT', 'PROMPT', 'SCORE', 'PASS', ...shown, 'COST/ROW', 'LATENCY', 'FAILED', 'MODELS'],
    rows: variants.map(({ variant, promptHash, score, passRate, scorers: own, costUsd, latencyMs, failed, models }) => [
      variant,
      promptHash.slice(0, 8),
      interval(score),
      interval(passRate),
      ...shown.map((name) => (own[name] ? own[name].mean.toFixed(2) : '–')),
      usd(costUsd?.mean),
      latencyMs === null ? 'cached' : seconds(latencyMs.mean),
      String(failed),
      models.join(', '),
    ]),
  };
}

/** What was evaluated, in one line. */
export function reportTitle({ evaluation, rows, repeats, confidence, spentUsd }: EvaluationReport): string {
  const times = repeats === 1 ? '' : ` × ${repeats}`;
  return `${evaluation} · ${rows} rows${times} · intervals of ${Number((confidence * 100).toFixed(1))} % · ${usd(spentUsd)}`;
}

/** Each comparison in a sentence, and the rows that got worse under it. */
export function comparisonLines(report: EvaluationReport): { sentence: string; rows: string[] }[] {
  return report.comparisons.map((comparison) => ({
    sentence: sentenceOf(comparison),
    rows: worseRows(report, comparison),
  }));
}

function sentenceOf({ variant, against, score, rows, better, worse, pValue, costUsd, latencyMs }: VariantComparison) {
  const verdict = score.high < 0 ? 'worse' : score.low > 0 ? 'better' : 'no different, as far as can be told';
  const p = pValue === undefined || pValue === 1 ? '' : `, McNemar p = ${pValue.toFixed(3)}`;
  const cost =
    costUsd === null || Math.abs(costUsd.mean) < LEAST_USD
      ? ''
      : ` · ${signed(costUsd.mean, (value) => usd(value))} a row`;
  const time = latencyMs === null ? '' : ` · ${signed(latencyMs.mean, (value) => seconds(value))}`;
  return (
    `${variant} against ${against}: ${verdict}, ${difference(score)} over ${rows} rows ` +
    `(${better} better, ${worse} worse${p})${cost}${time}`
  );
}

function worseRows({ variants }: EvaluationReport, { variant, worseRows: worse }: VariantComparison): string[] {
  const rows = new Map(variants.find((one) => one.variant === variant)!.rows.map((row) => [row.row, row]));
  const lines = worse.slice(0, SHOWN_ROWS).map(({ row, before, now }) => {
    return `row ${row} ${itemOf(rows.get(row)!)}: ${before.toFixed(2)} → ${now.toFixed(2)} · ${answerOf(rows.get(row)!)}`;
  });
  return worse.length > SHOWN_ROWS ? [...lines, `and ${worse.length - SHOWN_ROWS} more`] : lines;
}

/** Rows of a variant that do not pass, and why not. */
export function failingLines({ rows }: EvaluatedVariant): string[] {
  const failing = rows.filter(({ passed }) => passed < 1);
  const lines = failing.slice(0, SHOWN_ROWS).map((row) => `row ${row.row} ${itemOf(row)}: ${answerOf(row)}`);
  return failing.length > SHOWN_ROWS ? [...lines, `and ${failing.length - SHOWN_ROWS} more`] : lines;
}

export function itemOf({ item }: Pick<EvaluatedRow, 'item'>): string {
  return plainText(oneLine(asText(item), ITEM_LENGTH));
}

/** The first answer that is less than right, with what scorers say of it. */
export function answerOf({ answers }: EvaluatedRow): string {
  const isLess = ({ error, scores }: EvaluatedRow['answers'][number]) =>
    error !== undefined || Object.values(scores).some(({ score }) => score < 1);
  const { text, error, scores } = answers.find(isLess) ?? answers[0]!;
  if (error !== undefined) return plainText(oneLine(`${error.type}: ${error.message}`, ANSWER_LENGTH));
  const reasons = Object.entries(scores).flatMap(([name, { score, reason }]) =>
    score < 1
      ? [`${name} ${Number(score.toFixed(2))}${reason === undefined ? '' : ` (${oneLine(reason, ANSWER_LENGTH)})`}`]
      : [],
  );
  return plainText([JSON.stringify(oneLine(text, ANSWER_LENGTH)), ...reasons].join(' · '));
}

function interval({ mean, low, high }: Estimate): string {
  return `${mean.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
}

function difference({ mean, low, high }: Estimate): string {
  const [middle, ...ends] = [mean, low, high].map((value) => signed(value, (size) => size.toFixed(2)));
  return `${middle} (${ends.join(' to ')})`;
}

function signed(value: number, written: (size: number) => string): string {
  return `${value < 0 ? '−' : '+'}${written(Math.abs(value))}`;
}
