/** All workflow types that have a kept history. */
export { pressRelease } from '../../examples/press-release/workflows.ts';
export * from '../../src/workflows/patterns.ts';
