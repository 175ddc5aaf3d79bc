export type { Baseline, EvaluationInput, EvaluationReport } from '../contract/index.ts';
export { baselineOf, findBaseline, type NamedBaseline } from './baselines.ts';
export { type EvaluateOptions, type EvaluationProgress, evaluate } from './evaluate.ts';
export { readEvaluation } from './read-evaluation.ts';
export type { GivenToFunction, ScoreFunction } from './scoring.ts';
