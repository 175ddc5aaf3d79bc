import { expect, test } from '@jest/globals';
import { fillIn, fillInText, parseTemplate } from '../../src/contract/index.ts';
import { lookUpIn, type Scope } from '../../src/workflows/chain/scope.ts';

const answer = { model: 'a/b', usage: { inputTokens: 1, outputTokens: 1 }, costUsd: 0, finishReason: 'stop' as const };
const scope: Scope = {
  input: { topic: 'rivers', größe: 3, none: null, list: [{ name: 'Ob' }, { name: 'Po' }] },
  results: new Map([['plan', { ...answer, text: 'the plan', object: { items: ['a', 'b'], deep: { ok: true } } }]]),
  item: { name: 'Elbe' },
  index: 4,
};

const texts: [template: string, text: string][] = [
  ['About {{input.topic}}.', 'About rivers.'],
  ['{{ input.topic }}{{input.topic}}', 'riversrivers'],
  ['{{input.größe}} of {{input.list[1].name}}, {{input.list.0.name}}', '3 of Po, Ob'],
  ['Items: {{steps.plan.object.items}}', 'Items: ["a","b"]'],
  ['{{steps.plan.object.deep}}', '{"ok":true}'],
  ['{{index}}: {{item.name}}', '4: Elbe'],
  ['[{{input.none}}] [{{input.topic.length}}] [{{steps.plan.object.items[9]}}]', '[] [] []'],
  ['[{{steps.skipped.text}}] [{{steps.skipped.object.x}}]', '[] []'],
  ['\\{{input.topic}} is literal, {"a": {"b": 1}} too', '{{input.topic}} is literal, {"a": {"b": 1}} too'],
  ['a } b {c} { {{input.topic}} }', 'a } b {c} { rivers }'],
  ['', ''],
];

test.each(texts)('%j becomes %j', (template, text) => {
  expect(fillInText(template, lookUpIn(scope))).toBe(text);
});

test('what a model wrote is never read as a template', () => {
  const results = new Map([['evil', { ...answer, text: '{{input.secret}}' }]]);
  expect(fillInText('It said {{steps.evil.text}}', lookUpIn({ input: { secret: 's' }, results }))).toBe(
    'It said {{input.secret}}',
  );
});

test('fields that every object has are not there', () => {
  expect(fillInText('[{{input.constructor.name}}] [{{input.__proto__}}]', lookUpIn(scope))).toBe('[] []');
});

test('a text that is one reference becomes the value itself, other texts stay texts', () => {
  expect(fillIn({ a: '{{input.list}}', b: ['{{index}}', 'n {{index}}'], c: 7 }, lookUpIn(scope))).toEqual({
    a: [{ name: 'Ob' }, { name: 'Po' }],
    b: [4, 'n 4'],
    c: 7,
  });
  expect(fillIn('{{steps.skipped.text}}', lookUpIn(scope))).toBe('');
  expect(fillIn('{{steps.skipped.object}}', lookUpIn(scope))).toBeNull();
});

test.each([
  '{{',
  'x {{input.a',
  '{{}}',
  '{{ }}',
  '{{input.}}',
  '{{.a}}',
  '{{a b}}',
  '{{input[x]}}',
  '{{{input.a}}}',
  '{{a()}}',
])('%j cannot be read', (template) => {
  expect(parseTemplate(template)).toEqual({ problem: expect.any(String) });
});
