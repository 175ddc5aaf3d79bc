/** The value without its undefined fields: equal requests then have equal JSON, and histories hold nothing empty. */
export function withoutUndefined<Value extends object>(value: Value): Value {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Value;
}
