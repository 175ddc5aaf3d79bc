import { wellFormed } from '../contract/index.ts';

/**
 * JSON as PostgreSQL's jsonb takes it. Two things JavaScript strings may hold it refuses: the NUL character, and half of
 * a surrogate pair. Both become U+FFFD, rather than a run failing over a broken character of a model.
 */
export function storableJson(value: unknown): string {
  const json = JSON.stringify(value);
  return SUSPECT.test(json) ? JSON.stringify(wellFormed(value)) : json;
}

/** The value as it will come back from the database. */
export function storable<Value>(value: Value): Value {
  return SUSPECT.test(JSON.stringify(value)) ? wellFormed(value) : value;
}

const SUSPECT = /\\u(0000|d[89a-f])/i;
