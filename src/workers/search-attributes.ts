import type { ConnectionLike } from '@temporalio/client';
import { temporal } from '@temporalio/proto';

const { IndexedValueType } = temporal.api.enums.v1;

/** What runs are found by in the Temporal UI. */
export const SEARCH_ATTRIBUTES = {
  CadenzaPattern: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  CadenzaTenant: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  CadenzaModels: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
  CadenzaCostUsd: IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE,
} as const;

/** The names that the namespace does not know yet. */
export async function missingSearchAttributes(connection: ConnectionLike, namespace: string): Promise<string[]> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  return Object.keys(SEARCH_ATTRIBUTES).filter((name) => !(name in customAttributes));
}

/** Registers those. Needs the right to, which a worker's key may not have. */
export async function registerSearchAttributes(
  connection: ConnectionLike,
  namespace: string,
  names: string[],
): Promise<void> {
  const searchAttributes = Object.fromEntries(
    names.map((name) => [name, SEARCH_ATTRIBUTES[name as keyof typeof SEARCH_ATTRIBUTES]]),
  );
  await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
}

/** @throws Error with the command that mends it: a worker without them could finish no workflow task */
export async function requireSearchAttributes(connection: ConnectionLike, namespace: string): Promise<void> {
  const missing = await missingSearchAttributes(connection, namespace);
  if (missing.length === 0) return;
  throw new Error(
    `The Temporal namespace "${namespace}" lacks the search attributes ${missing.join(', ')}. Register them with: npx cadenza doctor --fix`,
  );
}
