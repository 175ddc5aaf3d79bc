/**
 * JSON as PostgreSQL's jsonb takes it. Two things JavaScript strings may hold it refuses: the NUL character, and half of
 * a surrogate pair. Both become U+FFFD, rather than a run failing over a broken character of a model.
 */
export function storableJson(value: unknown): string {
  const json = JSON.stringify(value);
  return SUSPECT.test(json) ? JSON.stringify(repaired(value)) : json;
}

/** The value as it will come back from the database. */
export function storable<Value>(value: Value): Value {
  return SUSPECT.test(JSON.stringify(value)) ? (repaired(value) as Value) : value;
}

const SUSPECT = /\\u(0000|d[89a-f])/i;

function repaired(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed().replaceAll('\0', '\uFFFD');
  if (value === null || typeof value !== 'object') return value;
  if ('toJSON' in value && typeof value.toJSON === 'function') return repaired(value.toJSON());
  if (Array.isArray(value)) return value.map(repaired);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [repaired(key), repaired(inner)]));
}
