export { drawChart } from './chart.ts';
export { type Evaluation, evaluate, type RouterResult } from './evaluate.ts';
export { pastComparisons } from './past-comparisons.ts';
export { type Classify, classifyByRuns, prepare } from './prepare.ts';
export { type EvalRecord, readRecords } from './records.ts';
