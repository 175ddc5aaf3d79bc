import {
  binomialDistribution,
  bisect,
  errorFunction,
  mean,
  quantileSorted,
  sampleStandardDeviation,
} from 'simple-statistics';
import type { Estimate } from '../contract/index.ts';

/** Resamples of a bootstrap: 1,000 and more are enough for intervals (Efron and Tibshirani 1993, "An Introduction to the
 *  Bootstrap", section 19.3). */
const RESAMPLES = 2_000;
/** Rows from which on the mean's own distribution is as good as normal. */
const MANY_ROWS = 1_000;
/** Pairs that differ, up to which the binomial distribution is summed. */
const MOST_EXACT = 1_000;

/**
 * A share with its confidence interval, by Wilson's score (Wilson 1927, "Probable Inference, the Law of Succession, and
 * Statistical Inference", JASA 22): it stays within 0 and 1, and says something of 10 successes in 10.
 * @param values 0 or 1 each. Means of repeats will do too: they vary less than single answers of the same mean, so that the
 *  interval is then wider than it need be
 */
export function estimateShare(values: number[], confidence: number): Estimate {
  const n = values.length;
  const p = mean(values);
  const z = twoSided(confidence);
  const centre = (p + z ** 2 / (2 * n)) / (1 + z ** 2 / n);
  const half = (z / (1 + z ** 2 / n)) * Math.sqrt((p * (1 - p)) / n + z ** 2 / (4 * n ** 2));
  return { mean: p, low: Math.max(0, centre - half), high: Math.min(1, centre + half), rows: n };
}

/**
 * A mean with its confidence interval, by the percentiles of a bootstrap over rows, whose chance is the same each time; of
 * many rows by the normal distribution. Repeats of a row belong together, and come in as their mean (Miller 2024, "Adding
 * Error Bars to Evals", arXiv 2411.00640, section 2.2).
 */
export function estimateMean(values: number[], confidence: number): Estimate {
  const n = values.length;
  const middle = mean(values);
  if (n > MANY_ROWS) {
    const half = (twoSided(confidence) * sampleStandardDeviation(values)) / Math.sqrt(n);
    return { mean: middle, low: middle - half, high: middle + half, rows: n };
  }
  const random = mulberry32(n);
  const means = Array.from({ length: RESAMPLES }, () => {
    let sum = 0;
    for (let drawn = 0; drawn < n; drawn += 1) sum += values[Math.floor(random() * n)]!;
    return sum / n;
  }).sort((a, b) => a - b);
  const tail = (1 - confidence) / 2;
  return { mean: middle, low: quantileSorted(means, tail), high: quantileSorted(means, 1 - tail), rows: n };
}

/** Of scores from 0 to 1: those that do not differ, and those that are 0 or 1, say nothing of their spread by themselves. */
export function estimateScore(values: number[], confidence: number): Estimate {
  const isShare = values.every((value) => value === 0 || value === 1 || value === values[0]);
  return isShare ? estimateShare(values, confidence) : estimateMean(values, confidence);
}

/**
 * Two-sided exact p of McNemar's test (McNemar 1947, "Note on the sampling error of the difference between correlated
 * proportions", Psychometrika 12): how likely so uneven a split is if neither is better.
 * @param gained pairs that are right now and were wrong @param lost the other way round
 */
export function mcNemar(gained: number, lost: number): number {
  const differing = gained + lost;
  if (differing === 0) return 1;
  if (differing > MOST_EXACT) {
    const z = (Math.abs(gained - lost) - 1) / Math.sqrt(differing);
    return 1 - errorFunction(z / Math.SQRT2);
  }
  const chances = binomialDistribution(differing, 0.5)!;
  const tail = chances.slice(0, Math.min(gained, lost) + 1).reduce((sum, chance) => sum + chance, 0);
  return Math.min(1, 2 * tail);
}

/** How many standard deviations either side hold so much of a normal distribution; the library's own quantile is off in the
 *  third digit. */
function twoSided(confidence: number): number {
  return bisect((z) => errorFunction(z / Math.SQRT2) - confidence, 0, 10, 100, 1e-9);
}

/** A generator with 32 bits of state (Tommy Ettinger, public domain): the same evaluation has the same intervals. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
