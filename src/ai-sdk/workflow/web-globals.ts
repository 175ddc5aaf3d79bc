// @ts-expect-error its types would bring those of browsers into all rooms
import { ReadableStream, TransformStream, WritableStream } from 'web-streams-polyfill/dist/ponyfill.es2018.mjs';

/**
 * What `ai` wants of the web that Temporal's sandbox lacks: without streams it cannot be loaded (`ReferenceError:
 * TransformStream is not defined`), without headers `generateText` fails. Outside of workflows nothing is replaced.
 */
const lacking: Record<string, unknown> = { ReadableStream, TransformStream, WritableStream, Headers };
for (const [name, found] of Object.entries(lacking)) {
  if (!(name in globalThis))
    Object.defineProperty(globalThis, name, { value: found, writable: true, configurable: true });
}

type Init = Iterable<readonly [string, string]> | Record<string, string>;

/** As much of `Headers` as makes a record of them: no request leaves a workflow. */
function Headers(given: Init = {}) {
  const pairs = Symbol.iterator in given ? [...(given as Iterable<[string, string]>)] : Object.entries(given);
  const values = new Map(pairs.map(([name, value]) => [name.toLowerCase(), `${value}`]));
  return {
    get: (name: string) => values.get(name.toLowerCase()) ?? null,
    has: (name: string) => values.has(name.toLowerCase()),
    set: (name: string, value: string) => void values.set(name.toLowerCase(), value),
    delete: (name: string) => void values.delete(name.toLowerCase()),
    entries: () => values.entries(),
    forEach(each: (value: string, name: string) => void) {
      for (const [name, value] of values) each(value, name);
    },
    [Symbol.iterator]: () => values.entries(),
  };
}
