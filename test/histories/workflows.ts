import { approval } from 'cadenza/workflow';

/** All workflow types that have a kept history. */
export { pressRelease } from '../../examples/press-release/workflows.ts';
export * from '../../src/workflows/patterns.ts';
export { branches } from '../crash/branches.ts';

/** Two questions to a person: one is answered, the other expires. */
export async function signOff(): Promise<boolean[]> {
  const yes = await approval({ step: 'sign-off', show: 'Ready?', patience: '1 day' });
  const late = await approval({ step: 'second', show: 'Sure?', patience: 500, onExpiry: 'approve' });
  return [yes.approved, late.approved];
}
