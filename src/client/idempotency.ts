import { isDeepStrictEqual } from 'node:util';
import type { Client } from '@temporalio/client';
import { RunId, withoutUndefined } from '../contract/index.ts';
import { redact } from '../providers/index.ts';
import type { StoredRun } from '../store/index.ts';
import type { CheckedStart } from './check-start.ts';
import { CadenzaError, refusal } from './errors.ts';
import { argumentsOf } from './fork.ts';

const path = 'Idempotency-Key';

/** The run id that stands for an idempotency key. @throws CadenzaError where the key cannot be part of an id */
export function idOfKey(key: string): string {
  const id = RunId.safeParse(`idem-${key}`);
  if (id.success && key !== '') return id.data;
  throw refusal('InvalidRequest', `${path}: 1 to 195 characters, which are letters, digits and . : @ / _ -`, { path });
}

/**
 * An idempotency key stands for one request: given again with another one it is refused, as the request would not be done.
 * What the run was started with Temporal knows; once it has forgotten that, the key gives the run it always gave.
 * @param secrets which no history holds @throws CadenzaError Conflict
 */
export async function assertSameStart(
  temporal: Client,
  secrets: string[],
  run: StoredRun,
  { workflowType, input, options }: CheckedStart,
): Promise<void> {
  const before = await argumentsOf(temporal, run).catch((thrown) => {
    if (thrown instanceof CadenzaError) return undefined;
    throw thrown;
  });
  if (!before) return;
  const [oldInput, oldOptions = {}] = before;
  const now = JSON.parse(redact(JSON.stringify([input ?? null, comparable(options)]), secrets)) as unknown;
  const then = JSON.parse(JSON.stringify([oldInput ?? null, comparable(oldOptions as object)])) as unknown;
  if (run.pattern === workflowType && isDeepStrictEqual(now, then)) return;
  throw refusal('Conflict', `The key was given before, with another request: it stands for the run "${run.id}"`, {
    hint: 'Send the same request again to get the same run, or another key for another one',
    path,
  });
}

/** Another key of the tenant asks the same. */
function comparable(options: object): object {
  return withoutUndefined({ ...options, key: undefined });
}
