/** What users' own workflows import (`cadenza/workflow`): steps, and patterns used as steps. */
export { ask } from './ask.ts';
export { type Compared, type CompareStep, compare } from './compare.ts';
export { callErrorOf } from './failures.ts';
export { type Generated, type GenerateRequest, generate } from './steps/generate.ts';
export { type JudgeRequest, judge } from './steps/judge.ts';
export { type MergeRequest, merge } from './steps/merge.ts';
