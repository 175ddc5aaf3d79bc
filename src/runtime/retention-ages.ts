import type { Client } from '@temporalio/client';
import { ageMs, type Config } from '../config/index.ts';
import type { RetentionAges } from '../store/index.ts';

const DAY_MS = 86_400_000;

/**
 * What the config keeps, in ms. Runs that Temporal still has can be reset and forked, whatever the config says: their
 * events and calls stay as long, and a day more. @throws if Temporal does not say how long that is
 */
export async function retentionAges(
  { workflowService, options: { namespace } }: Pick<Client, 'workflowService' | 'options'>,
  retention: Config['retention'],
): Promise<RetentionAges> {
  const { config } = await workflowService.describeNamespace({ namespace });
  const keptByTemporal = Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) * 1_000 + DAY_MS;
  const atLeast = (age: Config['retention']['runs']) => Math.max(ageMs(age), keptByTemporal);
  const { deltas, events, calls, runs, audit } = retention;
  const ofRuns = { deltas: ageMs(deltas), events: atLeast(events), calls: atLeast(calls), runs: atLeast(runs) };
  return { ...ofRuns, audit: ageMs(audit) };
}
