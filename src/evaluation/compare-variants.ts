import type {
  Baseline,
  Estimate,
  EvaluatedVariant,
  EvaluationDefinition,
  VariantComparison,
} from '../contract/index.ts';
import type { HeldAgainst } from './baselines.ts';
import { estimateMean, mcNemar } from './estimates.ts';

type ScoredRow = Baseline['variants'][string]['rows'][number];

/** Scores nearer than this are equal: means of the same scores may differ in their last digit. */
const EQUAL = 1e-9;

/** Comparisons of an evaluation: each variant with the baseline, and with the one variant that others are held against. */
export interface Comparisons {
  comparisons: VariantComparison[];
  /** what `against` of those says that the gate looks at */
  references: string[];
  missing?: string;
}

export function comparisonsOf(
  { confidence, repeats, gate }: EvaluationDefinition,
  variants: EvaluatedVariant[],
  held: HeldAgainst,
): Comparisons {
  const than = gate?.notWorseThan;
  const base = than && 'variant' in than ? than.variant : variants[0]!.variant;
  const others = variants.filter(({ variant }) => variant !== base);
  const rowsOfBase = variants.find(({ variant }) => variant === base)!.rows;
  const compare = ({ variant, rows }: EvaluatedVariant, against: string, before: ScoredRow[]) =>
    compareVariants(variant, against, rows, before, { confidence, repeats }) ?? [];
  const beside = others.flatMap((variant) => compare(variant, `variant ${base}`, rowsOfBase));
  const named = than && 'variant' in than ? [`variant ${base}`] : [];
  if (held === undefined || 'missing' in held) {
    return { comparisons: beside, references: named, missing: held?.missing };
  }
  const { name, baseline } = held;
  const reference = `baseline ${name}`;
  const [only, ...more] = Object.values(baseline.variants);
  const withBaseline = variants.flatMap((variant) => {
    // A baseline of one prompt is what every variant of it is held against.
    const before = baseline.variants[variant.variant] ?? (more.length === 0 ? only : undefined);
    return compare(variant, reference, before?.rows ?? []);
  });
  return { comparisons: [...withBaseline, ...beside], references: [reference, ...named] };
}

/**
 * A variant beside other results for the same rows, row by row: what rows have in common (some are hard for every prompt)
 * falls out of the difference, so that it has the narrower interval (Miller 2024, arXiv 2411.00640, section 4.2).
 * @returns undefined where they have no row in common
 */
export function compareVariants(
  variant: string,
  against: string,
  now: (ScoredRow & { row: number })[],
  before: ScoredRow[],
  { confidence, repeats }: { confidence: number; repeats: number },
): VariantComparison | undefined {
  const earlier = new Map(before.map((row) => [row.key, row]));
  const pairs = now.flatMap((row) => {
    const other = earlier.get(row.key);
    return other ? [{ now: row, before: other }] : [];
  });
  if (pairs.length === 0) return undefined;
  const difference = (of: (row: ScoredRow) => number | null | undefined): Estimate | null => {
    const differences = pairs.flatMap((pair) => {
      const [one, other] = [of(pair.now), of(pair.before)];
      return typeof one === 'number' && typeof other === 'number' ? [one - other] : [];
    });
    return differences.length === 0 ? null : estimateMean(differences, confidence);
  };
  const scorers = [...new Set(pairs.flatMap((pair) => Object.keys(pair.now.scores)))].flatMap((name) => {
    const estimate = difference(({ scores }) => scores[name]);
    return estimate === null ? [] : [[name, estimate]];
  });
  const changed = (by: -1 | 1) => pairs.filter((pair) => (pair.now.score - pair.before.score) * by > EQUAL);
  const isWhole = repeats === 1 && pairs.every(({ before: { passed } }) => passed === 0 || passed === 1);
  const passing = (to: 0 | 1) => pairs.filter((pair) => pair.now.passed === to && pair.before.passed === 1 - to).length;
  return {
    variant,
    against,
    rows: pairs.length,
    better: changed(1).length,
    worse: changed(-1).length,
    score: difference(({ score }) => score)!,
    scorers: Object.fromEntries(scorers),
    ...(isWhole ? { pValue: mcNemar(passing(1), passing(0)) } : {}),
    costUsd: difference(({ costUsd }) => costUsd),
    latencyMs: difference(({ latencyMs }) => latencyMs),
    worseRows: changed(-1)
      .map((pair) => ({ row: pair.now.row, key: pair.now.key, before: pair.before.score, now: pair.now.score }))
      .sort((a, b) => a.now - a.before - (b.now - b.before) || a.row - b.row),
  };
}
