import type { Connection } from '@temporalio/client';
import { temporalTarget } from '../../config/index.ts';
import { SEARCH_ATTRIBUTES } from '../../contract/index.ts';
import { type Examined, type Finding, reasonOf } from './finding.ts';
import { checkHops } from './hops.ts';

/** Whether Temporal answers, has the namespace, knows the search attributes, and is quick. */
export async function checkTemporal({ target, fix, env }: Examined): Promise<Finding[]> {
  if (!target) return [{ check: 'temporal', state: 'broken', detail: 'Nothing is running here', mend: 'npm start' }];
  const { connection: options } = temporalTarget({ address: target.temporalAddress, namespace: target.namespace }, env);
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
    const { namespace } = target;
    return [finding, await checkSearchAttributes(connection, namespace, fix), await checkHops(connection, namespace)];
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

/** Whether runs can be found by pattern, tenant, model and cost in Temporal; with `fix`, makes them so. */
async function checkSearchAttributes(connection: Connection, namespace: string, fix: boolean): Promise<Finding> {
  const check = 'search attributes';
  const { missingSearchAttributes, registerSearchAttributes } = await import('../../workers/search-attributes.ts');
  const all = Object.keys(SEARCH_ATTRIBUTES).join(', ');
  try {
    const missing = await missingSearchAttributes(connection, namespace);
    if (missing.length === 0) return { check, state: 'ok', detail: all };
    if (!fix) return { check, state: 'broken', detail: `Missing: ${missing.join(', ')}`, mend: 'cadenza doctor --fix' };
    await registerSearchAttributes(connection, namespace, missing);
    return { check, state: 'ok', detail: `Registered now: ${missing.join(', ')}` };
  } catch (error) {
    const mend = 'Have somebody who administers the namespace run: cadenza doctor --fix';
    return { check, state: 'broken', detail: `They cannot be read or registered: ${reasonOf(error)}`, mend };
  }
}
