import { readdirSync } from 'node:fs';
import path from 'node:path';
import { types } from 'node:util';
import { expect, test } from '@jest/globals';

const CONTRACT = path.resolve(import.meta.dirname, '../../src/contract');

test('no schema can be reached from the contract but through `later`: Temporal would freeze it for all workflows', async () => {
  const files = readdirSync(CONTRACT, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const bare: string[] = [];
  for (const file of files) {
    const module = (await import(path.join(CONTRACT, file))) as Record<string, unknown>;
    for (const [name, value] of Object.entries(module)) bare.push(...schemasIn(value, `${file}: ${name}`));
  }
  expect(bare).toEqual([]);
});

function schemasIn(value: unknown, place: string, seen = new Set<unknown>()): string[] {
  if (value === null || typeof value !== 'object' || types.isProxy(value) || seen.has(value)) return [];
  seen.add(value);
  if ('_zod' in value) return [place];
  return Object.entries(value).flatMap(([name, inner]) => schemasIn(inner, `${place}.${name}`, seen));
}
