import { mean } from 'simple-statistics';
import {
  type EvaluatedRow,
  type EvaluatedVariant,
  type EvaluationScorer,
  nameOfScorer,
  textOfResult,
} from '../contract/index.ts';
import { estimateMean, estimateScore, estimateShare } from './estimates.ts';
import type { Answered, Scores } from './scoring.ts';

/** From which score on an answer passes, by the type of its scorer; where a score is 0 or 1 it is 1. */
const THRESHOLDS: Partial<Record<EvaluationScorer['type'], number>> = { similarity: 0.75, judge: 0.5, function: 0.5 };

/** How much a scorer counts, and what it calls a pass. */
interface Measure {
  name: string;
  weight: number;
  threshold: number;
}

export function measureOf(scorer: EvaluationScorer): Measure {
  const { type, weight = 1, threshold = THRESHOLDS[type] ?? 1 } = scorer;
  return { name: nameOfScorer(scorer), weight, threshold };
}

/**
 * Rows of one variant with their scores: each the mean of its repeats.
 * @param answers of the variant @param scores by scorer, in the order of the answers @param keys by row, from 0
 */
export function scoreRows(answers: Answered[], measures: Measure[], scores: Scores[], keys: string[]): EvaluatedRow[] {
  const indexed = answers.map((answer, index) => ({ answer, of: measures.map((_, n) => scores[n]![index]) }));
  const byRow = Map.groupBy(indexed, ({ answer }) => answer.row);
  return [...byRow].map(([row, repeats]) => {
    const scored = repeats.map(({ answer, of }) => ({
      answer,
      of,
      ...judgedBy(measures, of, answer.error !== undefined),
    }));
    const known = measures.flatMap(({ name }, n) => {
      const values = repeats.flatMap(({ of }) => of[n]?.score ?? []);
      return values.length === 0 ? [] : [[name, mean(values)]];
    });
    return {
      row,
      key: keys[row - 1]!,
      item: repeats[0]!.answer.item,
      score: mean(scored.map(({ score }) => score)),
      passed: mean(scored.map(({ passed }) => passed)),
      scores: Object.fromEntries(known),
      costUsd: meanOf(repeats.map(({ answer }) => answer.costUsd)),
      latencyMs: meanOf(repeats.map(({ answer }) => answer.latencyMs).filter((ms) => ms !== null)),
      answers: scored.map(({ answer, of }) => answerOf(answer, measures, of)),
    };
  });
}

/** Weighted mean of what is known, and whether all of it passes; an answer of which nothing is known is right in nothing
 *  that could be told wrong. */
function judgedBy(measures: Measure[], of: Scores, failed: boolean): { score: number; passed: number } {
  if (failed) return { score: 0, passed: 0 };
  const counted = measures.flatMap((measure, n) => {
    const score = of[n]?.score;
    return measure.weight === 0 || score === undefined ? [] : [{ ...measure, score }];
  });
  const total = counted.reduce((sum, { weight }) => sum + weight, 0);
  if (total === 0) return { score: 1, passed: 1 };
  return {
    score: counted.reduce((sum, { weight, score }) => sum + weight * score, 0) / total,
    passed: Number(counted.every(({ score, threshold }) => score >= threshold)),
  };
}

function answerOf(answer: Answered, measures: Measure[], of: Scores): EvaluatedRow['answers'][number] {
  const { repeat, run, result, error, costUsd, latencyMs } = answer;
  const known = measures.flatMap(({ name }, n) => (of[n] === undefined ? [] : [[name, of[n]]]));
  const text = error === undefined ? textOfResult(result) : '';
  return { repeat, run, text, error, scores: Object.fromEntries(known), costUsd, latencyMs };
}

/** Undefined values are none at all; one that is not known makes all unknown. */
function meanOf(values: (number | null)[]): number | null {
  return values.length === 0 || values.includes(null) ? null : mean(values as number[]);
}

/** What a variant's rows come to. */
export function summarize(
  rows: EvaluatedRow[],
  measures: Measure[],
  confidence: number,
): Pick<EvaluatedVariant, 'failed' | 'score' | 'passRate' | 'scorers' | 'costUsd' | 'latencyMs' | 'rows'> {
  const byScorer = measures.flatMap(({ name }) => {
    const values = rows.flatMap(({ scores }) => scores[name] ?? []);
    return values.length === 0 ? [] : [[name, estimateScore(values, confidence)]];
  });
  const latencies = rows.flatMap(({ latencyMs }) => latencyMs ?? []);
  const costs = rows.map(({ costUsd }) => costUsd);
  return {
    failed: rows.flatMap(({ answers }) => answers).filter(({ error }) => error !== undefined).length,
    score: estimateScore(
      rows.map(({ score }) => score),
      confidence,
    ),
    passRate: estimateShare(
      rows.map(({ passed }) => passed),
      confidence,
    ),
    scorers: Object.fromEntries(byScorer),
    costUsd: costs.includes(null) ? null : estimateMean(costs as number[], confidence),
    latencyMs: latencies.length === 0 ? null : estimateMean(latencies, confidence),
    rows,
  };
}
