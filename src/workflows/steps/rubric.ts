import { z } from 'zod';
import type { Criterion, Rubric } from '../../contract/index.ts';

/** What a judge says of one answer. The reason stands before the score, so that the score can follow from it. */
export type Mark = { reason: string; score: number } | { reason: string; criteria: Record<string, number> };

export function criteriaOf(rubric: Rubric): Criterion[] | undefined {
  return typeof rubric === 'string' ? undefined : rubric;
}

export function rubricText(rubric: Rubric): string {
  if (typeof rubric === 'string') return `Rubric: ${rubric}`;
  const lines = rubric.map(({ name, description }) => `- ${name}${description ? `: ${description}` : ''}`);
  return ['Criteria:', ...lines].join('\n');
}

/** The shape of a mark by this rubric. */
export function markSchema(rubric: Rubric) {
  const score = z.number().min(0).max(1);
  if (typeof rubric === 'string') return z.object({ reason: z.string(), score });
  const criteria = z.object(Object.fromEntries(rubric.map(({ name }) => [name, score])));
  return z.object({ reason: z.string(), criteria });
}

/** A mark with its one score, 0..1. */
export function scoreOf(
  rubric: Rubric,
  mark: Mark,
): { score: number; reason: string; criteria?: Record<string, number> } {
  if ('score' in mark) return mark;
  const { reason, criteria } = mark;
  return { score: weighted(criteriaOf(rubric)!, criteria), reason, criteria };
}

/** Weighted mean of an answer's scores by criterion, 0..1. */
export function weighted(criteria: Criterion[], scores: Record<string, number>): number {
  const total = criteria.reduce((sum, { weight = 1 }) => sum + weight, 0);
  return criteria.reduce((sum, { name, weight = 1 }) => sum + (scores[name] ?? 0) * (weight / total), 0);
}
