import type { ConnectionLike } from '@temporalio/client';
import proto from '@temporalio/proto';
import { SEARCH_ATTRIBUTES, type SearchAttribute } from '../contract/index.ts';

const { IndexedValueType } = proto.temporal.api.enums.v1;
const WIRE_TYPES = {
  Keyword: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  KeywordList: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
  Double: IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE,
} as const;
const NAMES = Object.keys(SEARCH_ATTRIBUTES) as SearchAttribute[];

/** The names that the namespace does not know yet. */
export async function missingSearchAttributes(
  connection: ConnectionLike,
  namespace: string,
): Promise<SearchAttribute[]> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  return NAMES.filter((name) => !(name in customAttributes));
}

/** Registers those. Needs the right to, which a worker's key may not have. */
export async function registerSearchAttributes(
  connection: ConnectionLike,
  namespace: string,
  names: SearchAttribute[],
): Promise<void> {
  const searchAttributes = Object.fromEntries(names.map((name) => [name, WIRE_TYPES[SEARCH_ATTRIBUTES[name]]]));
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
