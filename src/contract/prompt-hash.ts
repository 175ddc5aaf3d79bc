import type { PatternName } from './patterns/registry.ts';

/** Fields of an input that say what a run is about, or how fast it goes; all others say how it asks. */
const DATA_FIELDS: Record<PatternName, readonly string[]> = {
  agent: ['task', 'messages'],
  answer: ['question'],
  ask: ['prompt', 'messages'],
  'best-of': ['prompt', 'messages'],
  chain: ['input'],
  compare: ['prompt', 'messages'],
  conversation: [],
  council: ['prompt', 'messages'],
  crew: ['inputs'],
  debate: ['question'],
  embed: ['texts'],
  ingest: ['sources'],
  map: ['items', 'source', 'after', 'concurrency'],
  plan: ['goal'],
};

/**
 * Names what a run asks with, and not what it was asked: system text, templates, steps, schemas, models and the names of
 * policies, without the prompt, the rows or the question. Runs with an equal hash were asked by the same words. What a
 * name of the config stands for is not part of it.
 * @returns 14 hexadecimal digits; undefined for what is no pattern's input
 */
export function promptHash(pattern: string, input: unknown): string | undefined {
  const data = Object.hasOwn(DATA_FIELDS, pattern) ? DATA_FIELDS[pattern as PatternName] : undefined;
  if (data === undefined || typeof input !== 'object' || input === null || Array.isArray(input)) return undefined;
  const definition = Object.fromEntries(Object.entries(input).filter(([field]) => !data.includes(field)));
  return hash53(`${pattern}\n${canonicalJson(definition)}`);
}

/** JSON with sorted keys: equal values have equal texts. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, field: unknown) =>
    field !== null && typeof field === 'object' && !Array.isArray(field)
      ? Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1)))
      : field,
  );
}

/** cyrb53 (bryc, public domain): 53 bits, no cryptography, the same in workflows, browsers and Node. */
function hash53(text: string): string {
  let [high, low] = [0xdeadbeef, 0x41c6ce57];
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    high = Math.imul(high ^ unit, 2_654_435_761);
    low = Math.imul(low ^ unit, 1_597_334_677);
  }
  high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  return (4_294_967_296 * (2_097_151 & low) + (high >>> 0)).toString(16).padStart(14, '0');
}
