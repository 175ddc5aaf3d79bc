import { approval } from 'cadenza/workflow';

/** Asks a person twice, one after the other. */
export async function twoQuestions(): Promise<boolean[]> {
  const first = await approval({ step: 'first', show: 'Ready?' });
  const second = await approval({ step: 'second', show: 'Sure?' });
  return [first.approved, second.approved];
}
