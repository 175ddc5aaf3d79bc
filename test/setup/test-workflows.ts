/** What tests run that is no pattern, all in one bundle: each step of `cadenza/workflow` as a workflow, and workflows of users. */
export { announcement } from '../../examples/approval/workflows.ts';
export { pressRelease } from '../../examples/press-release/workflows.ts';
export * from '../../src/workflows/index.ts';
export * from '../client/own-workflows.ts';
export * from '../crash/branches.ts';
export * from '../workflows/even-number.ts';
export * from '../workflows/two-questions.ts';
