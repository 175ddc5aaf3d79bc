/** What users' own workflows import (`cadenza/workflow`): steps, and patterns used as steps. */
export { ask } from './ask.ts';
export { type BestOfStep, bestOf } from './best-of.ts';
export { chain } from './chain.ts';
export { type Compared, type CompareStep, compare } from './compare.ts';
export { type CouncilStep, council } from './council.ts';
export { callErrorOf } from './failures.ts';
export { type Approval, type ApprovalRequest, approval } from './steps/approval.ts';
export { type Generated, type GenerateRequest, generate } from './steps/generate.ts';
export { type Judged, type JudgeRequest, judge } from './steps/judge.ts';
export { type MapReduced, type MapReduceRequest, mapReduce } from './steps/map-reduce.ts';
export { type MergeRequest, merge } from './steps/merge.ts';
export { type Normalisation, normalised } from './steps/normalise.ts';
export { type RankRequest, rank, standingsOf } from './steps/rank.ts';
export { type Critique, type Refined, type RefineRequest, refine } from './steps/refine.ts';
export { type RouteRequest, route } from './steps/route.ts';
export type { Routed } from './steps/route-decided.ts';
export { estimatedTokens, splitText } from './steps/split-text.ts';
export { type Ballot, type Count, type Tally, tally, type VoteRequest, vote } from './steps/vote.ts';
