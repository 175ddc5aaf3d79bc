import type { Connection } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../../contract/index.ts';
import { type Finding, reasonOf } from './finding.ts';

/** Whether runs can be found by pattern, tenant, model and cost in Temporal; with `fix`, makes them so. */
export async function checkSearchAttributes(connection: Connection, namespace: string, fix: boolean): Promise<Finding> {
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
