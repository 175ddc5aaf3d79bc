/**
 * The text, or as much of its beginning as fits, with a mark. Never cut inside a surrogate pair: half of one is what
 * providers refuse and databases cannot keep.
 * @param most characters (UTF-16 units), the mark included
 */
export function shortened(text: string, most: number, mark = '…'): string {
  return text.length <= most ? text : `${beginning(text, most - mark.length)}${mark}`;
}

/** The text as one line of at most so many characters. */
export function oneLine(text: string, most: number): string {
  return shortened(text.replaceAll(/\s+/g, ' ').trim(), most);
}

/** At most so many characters from the beginning, no half of a pair. */
export function beginning(text: string, most: number): string {
  return text.slice(0, isSplitAt(text, most) ? most - 1 : most);
}

/** At most so many characters from the end, no half of a pair. */
export function ending(text: string, most: number): string {
  const start = Math.max(0, text.length - most);
  return text.slice(isSplitAt(text, start) ? start + 1 : start);
}

function isSplitAt(text: string, at: number): boolean {
  return at > 0 && at < text.length && isHigh(text.charCodeAt(at - 1)) && isLow(text.charCodeAt(at));
}

const isHigh = (unit: number) => unit >= 0xd800 && unit < 0xdc00;
const isLow = (unit: number) => unit >= 0xdc00 && unit < 0xe000;

/** A value whose texts hold no half of a surrogate pair and no NUL: U+FFFD stands for them. Providers refuse the one,
 *  PostgreSQL both. */
export function wellFormed<Value>(value: Value): Value {
  return repaired(value) as Value;
}

function repaired(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed().replaceAll('\0', '\uFFFD');
  if (value === null || typeof value !== 'object') return value;
  if ('toJSON' in value && typeof value.toJSON === 'function') return repaired(value.toJSON());
  if (Array.isArray(value)) return value.map(repaired);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [repaired(key), repaired(inner)]));
}
