import { oneLine } from '../well-formed.ts';
import type { RouteDecision } from './decision.ts';
import type { SemanticRoute } from './definition.ts';

const DEFAULT_NEIGHBOURS = 3;
const DEFAULT_MIN_SIMILARITY = 0.1;
const DEFAULT_MIN_CONFIDENCE = 0.5;

export interface Neighbour {
  label: string;
  text: string;
  /** cosine, -1..1 */
  similarity: number;
}

/** A router's examples, each with its label, in the order their vectors are given in. */
export function examplesOf(route: SemanticRoute): { label: string; text: string }[] {
  return Object.entries(route.examples).flatMap(([label, texts]) => texts.map((text) => ({ label, text })));
}

/** Cosine of the angle between two vectors; 0 where one of them is nothing. */
export function cosine(a: readonly number[], b: readonly number[]): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let index = 0; index < a.length; index += 1) {
    const [x, y] = [a[index]!, b[index] ?? 0];
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa === 0 || bb === 0 ? 0 : dot / Math.sqrt(aa * bb);
}

/**
 * What most of the nearest examples say, each vote as heavy as it is near (weighted k-NN). Confidence is the share of the
 * votes.
 * @param vectors of the examples, in the order of `examplesOf`
 */
export function decideByNearest(route: SemanticRoute, request: number[], vectors: number[][]): RouteDecision {
  const { neighbours = DEFAULT_NEIGHBOURS, minSimilarity = DEFAULT_MIN_SIMILARITY } = route;
  const { minConfidence = DEFAULT_MIN_CONFIDENCE } = route;
  const nearest = examplesOf(route)
    .map((example, index): Neighbour => ({ ...example, similarity: cosine(request, vectors[index]!) }))
    .sort((a, b) => b.similarity - a.similarity)
    .slice(0, neighbours);
  const votes = votesOf(nearest);
  const [[label, share] = ['', 0]] = votes;
  const first = nearest.find((neighbour) => neighbour.label === label);
  const best = nearest[0]!.similarity;
  if (first === undefined || best < minSimilarity) {
    const reason = `The nearest example has a similarity of ${shown(best)}, below ${minSimilarity}`;
    const rejected = [{ choice: nearest[0]!.label, reason, confidence: 0 }];
    return { choice: route.default, reason: `${reason}: the default`, confidence: 0, rejected };
  }
  if (share < minConfidence) {
    const reason = `The nearest examples disagree: ${label} has ${shown(share)} of their votes, below ${minConfidence}`;
    const rejected = votes.map(([choice, confidence]) => ({ choice, reason, confidence }));
    return { choice: route.default, reason: `${reason}: the default`, confidence: share, rejected };
  }
  const rejected = votes.slice(1).map(([choice, confidence]) => ({
    choice,
    reason: `${shown(confidence)} of the votes of the nearest examples`,
    confidence,
  }));
  return {
    choice: label,
    reason: `Like "${oneLine(first.text, 60)}" (similarity ${shown(first.similarity)}), ${shown(share)} of the votes`,
    confidence: share,
    rejected,
  };
}

/** Each label's share of the votes, largest first. */
function votesOf(nearest: Neighbour[]): [label: string, share: number][] {
  const weight = ({ similarity }: Neighbour) => Math.max(0, similarity);
  const total = nearest.reduce((sum, neighbour) => sum + weight(neighbour), 0);
  if (total === 0) return [];
  const shares = new Map<string, number>();
  for (const neighbour of nearest) {
    shares.set(neighbour.label, (shares.get(neighbour.label) ?? 0) + weight(neighbour) / total);
  }
  return [...shares].sort((a, b) => b[1] - a[1]);
}

function shown(number: number): string {
  return String(Math.round(number * 100) / 100);
}
