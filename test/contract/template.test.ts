import { describe, expect, test } from '@jest/globals';
import {
  ChainDefinition,
  CrewInput,
  crewPlan,
  fillIn,
  fillInInput,
  fillInText,
  parseTemplate,
} from '../../src/contract/index.ts';
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

describe('what is filled in and read once more stays a value', () => {
  const hostile = [
    'Dear {{input.secret}}, hi',
    'Use {{user.name}} in Handlebars',
    '{{',
    '{',
    '}}',
    'C:\\',
    '\\{{input.secret}}',
    '{"a": {"b": {{input.secret}}}}',
    '{{"quoted"}} "{{input.secret}}"',
    'plain',
  ];
  const lookUpRow =
    (item: unknown) =>
    ({ path: [, ...rest] }: { path: string[] }) =>
      rest.reduce((value, key) => (value as Record<string, unknown>)[key], item);
  const lookUpInput = lookUpIn({ input: { secret: 'SECRET', x: 'mine' }, results: new Map() });

  test.each(hostile)('in the steps of a chain: %j', (q) => {
    const template = {
      steps: [
        { id: '{{item.id}}', prompt: '{{item.q}}', policy: '{{item.q}}' },
        { id: 'b', prompt: 'a {{item.q}}{{item.q}} \\{{input.x}} {{item.q}}\\{{input.x}}{{item.q}}{' },
        { parallel: [{ id: 'c', pattern: 'ask', input: { messages: '{{item.list}}' } }] },
        { id: 'd', pattern: 'chain', input: { input: '{{item.q}}', steps: [{ id: 'e', prompt: '{{item.q}}' }] } },
      ],
      output: { it: ['{{item.q}}', '\\{{input.x}}'] },
    };
    const filled = fillInInput('chain', template, lookUpRow({ id: 'a', q, list: [{ q }] })) as typeof template;
    const [first, second, third, fourth] = ChainDefinition.parse(filled).steps;
    expect(first).toMatchObject({ id: 'a', policy: q });
    expect(fillInText(first!.prompt!, lookUpInput)).toBe(q);
    expect(fillInText(second!.prompt!, lookUpInput)).toBe(`a ${q}${q} mine ${q}mine${q}{`);
    expect(fillIn(third!.parallel![0]!.input, lookUpInput)).toEqual({ messages: [{ q }] });
    const below = fourth!.input as ChainDefinition;
    expect(fillIn(below.input, lookUpInput)).toBe(q);
    expect(fillInText(below.steps[0]!.prompt!, lookUpInput)).toBe(q);
    expect(fillIn(filled.output, lookUpInput)).toEqual({ it: [q, 'mine'] });
  });

  test.each(['function greet({name}) { return {name} }', '{topic}', '{', 'plain'])('in a crew: %j', (q) => {
    const template = {
      agents: { a: { role: '{topic} reader', goal: 'On {{item.q}}' } },
      tasks: {
        t: { description: '{{item.q}}topic}', expectedOutput: '{{item.q}}', guardrail: '{{item.q}} of {topic}' },
      },
      inputs: { topic: 'rivers', item_q: 'taken' },
    };
    const { agents, tasks } = crewPlan(CrewInput.parse(fillInInput('crew', template, lookUpRow({ q }))));
    expect(agents[0]).toMatchObject({ role: 'rivers reader', goal: `On ${q}` });
    expect(tasks[0]).toMatchObject({ description: `${q}topic}`, expectedOutput: q, guardrails: [`${q} of rivers`] });
  });

  test('in a crew that a chain runs for a row', () => {
    const crew = {
      agents: [{ name: 'a', role: 'r', goal: 'g' }],
      tasks: [{ name: 't', description: 'See {{item.q}}' }],
    };
    const chain = { steps: [{ id: 's', pattern: 'crew', input: crew }] };
    const q = '{name} {{input.secret}}';
    const filled = fillInInput('chain', chain, lookUpRow({ q })) as typeof chain;
    const given = fillInInput('crew', filled.steps[0]!.input, lookUpInput);
    expect(crewPlan(CrewInput.parse(given)).tasks[0]!.description).toBe(`See ${q}`);
  });

  test('but steps that come whole have their templates', () => {
    const steps = [{ id: 'a', prompt: 'On {{input.x}}' }];
    expect(fillInInput('chain', { steps: '{{item.steps}}' }, lookUpRow({ steps }))).toEqual({ steps });
    expect(fillInInput('chain', '{{item}}', () => ({ steps }))).toEqual({ steps });
  });
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
