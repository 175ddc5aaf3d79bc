import { describe, expect, test } from '@jest/globals';
import { schemaCheck, schemaProblem } from '../../src/providers/index.ts';

const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more });

describe('checks what zod cannot', () => {
  test.each([
    ['not', { not: { type: 'string' } }, 1, 'a'],
    [
      'if and then',
      // biome-ignore lint/suspicious/noThenProperty: the schema's own word
      object({}, { if: { properties: { kind: { const: 'x' } } }, then: { required: ['size'] } }),
      { kind: 'x', size: 1 },
      { kind: 'x' },
    ],
    [
      'dependentRequired',
      object({}, { dependentRequired: { card: ['address'] } }),
      { card: 1, address: 2 },
      { card: 1 },
    ],
    ['a pattern of RE2', { type: 'string', pattern: '(?i)^yes\\z' }, 'YES', 'yes\n'],
    ['a pattern with needless escapes', { type: 'string', pattern: '^[\\w\\-\\.]+$' }, 'a-b.c', 'a b'],
    ['a format', { type: 'string', format: 'date' }, '2026-11-25', '2026-13-25'],
    ['a list of draft 7', { type: 'array', items: [{ type: 'string' }, { type: 'number' }] }, ['a', 1], [1, 'a']],
    ['prefixItems', { type: 'array', prefixItems: [{ type: 'string' }] }, ['a', 1], [1]],
    ['references', { $ref: '#/$defs/a', $defs: { a: { type: 'integer' } } }, 3, 'x'],
    ['an id', { $id: 'https://example.com/answer', type: 'integer' }, 3, 'x'],
  ])('%s', (_name, schema, right, wrong) => {
    expect(schemaProblem(schema)).toBeUndefined();
    expect(schemaCheck(schema)(right)).toBeUndefined();
    expect(schemaCheck(schema)(wrong)).toEqual(expect.any(String));
    // The same schema again, as another run brings it.
    expect(schemaCheck(structuredClone(schema))(right)).toBeUndefined();
  });
});

test('a problem names its place and what was expected', () => {
  const check = schemaCheck(object({ rows: { type: 'array', items: object({ n: { type: 'number' } }) } }));
  expect(check({ rows: [{ n: 1 }, { n: 'x' }] })).toBe('rows[1].n must be number');
});

test.each([
  ['a type that is none', { type: 'strin' }, 'type'],
  ['a pattern nobody knows', { type: 'string', pattern: '(?<=a' }, '(?<=a'],
  ['a reference to elsewhere', { $ref: 'https://example.com/other.json' }, 'example.com'],
])('a schema with %s is refused before anything is asked', (_name, schema, named) => {
  expect(schemaProblem(schema)).toContain(named);
});
