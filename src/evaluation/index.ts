export { baselineOf, findBaseline, type NamedBaseline } from './baselines.ts';
export { type EvaluateOptions, type EvaluationProgress, evaluate } from './evaluate.ts';
export { readEvaluation } from './read-evaluation.ts';
export { drawChart } from './routing/chart.ts';
export { type Evaluation, evaluate as evaluateRoutes, type RouterResult } from './routing/evaluate.ts';
export { type PastRuns, pastComparisons } from './routing/past-comparisons.ts';
export { type Classify, classifyByRuns, prepare } from './routing/prepare.ts';
export { type EvalRecord, readRecords } from './routing/records.ts';
export type { GivenToFunction, ScoreFunction } from './scoring.ts';
