import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { types } from 'node:util';
import { expect, test } from '@jest/globals';

const SOURCES = path.resolve(import.meta.dirname, '../../src');
/** the rooms whose modules are evaluated once for all workflows of a worker */
const files = ['contract', 'workflows'].flatMap((room) =>
  readdirSync(path.join(SOURCES, room), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => path.join(room, file)),
);

test('no schema can be reached from outside its module but through `later`: Temporal would freeze it for all workflows', async () => {
  const bare: string[] = [];
  for (const file of files) {
    const module = (await import(path.join(SOURCES, file))) as Record<string, unknown>;
    for (const [name, value] of Object.entries(module)) bare.push(...schemasIn(value, `${file}: ${name}`));
  }
  expect(bare).toEqual([]);
});

test('no module keeps what a run leaves there but through `perRun`: other runs would find it', () => {
  const kept = files.flatMap((file) =>
    readFileSync(path.join(SOURCES, file), 'utf8')
      .split('\n')
      .flatMap((line) => (CHANGES.test(line) && !OURS.has(line) ? [`${file}: ${line}`] : [])),
  );
  expect(kept).toEqual([]);
});

/** Variables of a module, and what is made empty to be filled. */
const CHANGES = /^(export )?(let\b|const \w+(: [^=]+)? = (new (Map|Set|WeakMap|WeakSet)\b.*\(\)|\[\]|\{\});)/;
/** which worker runs the code, not which run */
const OURS = new Set(['let current: () => Host = () => {', 'export const UNKNOWN: Shape = {};']);

function schemasIn(value: unknown, place: string, seen = new Set<unknown>()): string[] {
  if (value === null || typeof value !== 'object' || types.isProxy(value) || seen.has(value)) return [];
  seen.add(value);
  if ('_zod' in value) return [place];
  return Object.entries(value).flatMap(([name, inner]) => schemasIn(inner, `${place}.${name}`, seen));
}
