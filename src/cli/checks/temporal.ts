import type { Connection } from '@temporalio/client';
import { temporalTarget } from '../../config/index.ts';
import type { Examined, Finding } from './finding.ts';
import { reasonOf } from './finding.ts';
import { checkSearchAttributes } from './search-attributes.ts';

/** Whether Temporal answers, has the namespace, and knows the search attributes. */
export async function checkTemporal({ target, fix }: Examined): Promise<Finding[]> {
  if (!target) return [{ check: 'temporal', state: 'broken', detail: 'Nothing is running here', mend: 'npm start' }];
  const { connection: options } = temporalTarget(target.temporalAddress, target.namespace);
  const { Connection } = await import('@temporalio/client');
  let connection: Connection;
  try {
    connection = await Connection.connect({ ...options, connectTimeout: '3 s' } as Parameters<
      typeof Connection.connect
    >[0]);
  } catch (error) {
    const detail = `No answer at ${target.temporalAddress}: ${reasonOf(error)}`;
    return [{ check: 'temporal', state: 'broken', detail, mend: 'Set TEMPORAL_ADDRESS, or start it with npm start' }];
  }
  try {
    const finding = await checkNamespace(connection, target);
    if (finding.state === 'broken') return [finding];
    return [finding, await checkSearchAttributes(connection, target.namespace, fix)];
  } finally {
    await connection.close();
  }
}

async function checkNamespace(
  connection: Connection,
  { temporalAddress, namespace }: NonNullable<Examined['target']>,
): Promise<Finding> {
  try {
    const { serverVersion } = await connection.workflowService.getSystemInfo({});
    await connection.workflowService.describeNamespace({ namespace });
    const detail = `Temporal ${serverVersion} at ${temporalAddress}, namespace ${namespace}`;
    return { check: 'temporal', state: 'ok', detail };
  } catch (error) {
    const detail = `Temporal at ${temporalAddress} does not give the namespace "${namespace}": ${reasonOf(error)}`;
    const mend = `Set TEMPORAL_NAMESPACE, or: temporal operator namespace create ${namespace}`;
    return { check: 'temporal', state: 'broken', detail, mend };
  }
}
