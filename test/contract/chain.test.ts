import { expect, test } from '@jest/globals';
import { invalidRequest, PATTERNS } from '../../src/contract/index.ts';

const schema = {
  type: 'object',
  properties: { items: { type: 'array', items: { type: 'object', properties: { name: { type: 'string' } } } } },
  required: ['items'],
};
const plan = { id: 'plan', prompt: 'Plan {{input.topic}}', schema };
const input = { topic: 'rivers', tags: ['a'], customer: { name: 'Ada' } };
const draft = { id: 'draft', prompt: 'Draft' };

/** What is wrong with a chain, or undefined. */
function problemOf(definition: object): { path?: string; message: string } | undefined {
  const { error } = PATTERNS.chain.input.safeParse(definition);
  if (!error) return undefined;
  expect(error.issues.map(({ message }) => message)).toHaveLength(1);
  return invalidRequest(error);
}

const bad: [name: string, definition: object, path: string, message: string][] = [
  [
    'items times rounds beyond what one history holds',
    {
      input: { items: Array.from({ length: 500 }, (_, n) => n) },
      steps: [
        {
          id: 'rounds',
          repeat: { max: 50 },
          steps: [{ id: 'each', prompt: 'About {{item}}', forEach: '{{input.items}}' }],
        },
      ],
    },
    'input.steps',
    'may make 25000 calls (items times rounds); it makes 2000 at most',
  ],
  [
    'loops within loops beyond it',
    {
      steps: [{ repeat: { max: 50 }, steps: [{ repeat: { max: 50 }, steps: [{ id: 'a', prompt: 'A {{round}}' }] }] }],
    },
    'input.steps',
    'may make 2500 calls',
  ],
  ['an empty chain', { steps: [] }, 'input.steps', 'at least one step'],
  ['a step that does nothing', { steps: [{ id: 'a' }] }, 'input.steps[0]', 'Step "a" does one of'],
  [
    'a step that does two things',
    { steps: [{ id: 'a', prompt: 'x', pattern: 'ask' }] },
    'input.steps[0]',
    'it has prompt and pattern',
  ],
  ['a step without an id', { steps: [{ prompt: 'x' }] }, 'input.steps[0].id', 'needs an id'],
  ['an id with a dot', { steps: [{ id: 'a.b', prompt: 'x' }] }, 'input.steps[0].id', 'begins with a letter'],
  ['an unknown field', { steps: [{ id: 'a', promt: 'x' }] }, 'input.steps[0].promt', 'no such field'],
  [
    'two steps of one name',
    { steps: [draft, { parallel: [{ id: 'draft', prompt: 'y' }] }] },
    'input.steps[1].parallel[0].id',
    'Two steps are called "draft"',
  ],
  [
    'a reference to an unknown step',
    { input, steps: [plan, draft, { id: 'end', prompt: 'Sum up {{steps.paln.text}}' }] },
    'input.steps[2].prompt',
    'Step "end" uses {{steps.paln.text}}, but there is no step "paln". Did you mean "plan"?',
  ],
  [
    'a reference to a later step',
    { steps: [{ id: 'first', prompt: '{{steps.draft.text}}' }, draft] },
    'input.steps[0].prompt',
    '"draft" runs only after it',
  ],
  [
    'a reference to itself',
    { steps: [{ id: 'a', prompt: 'Again {{steps.a.text}}' }] },
    'input.steps[0].prompt',
    'it refers to itself',
  ],
  [
    'a reference to itself in a loop',
    { steps: [{ id: 'a', prompt: 'Again {{steps.a.text}}', repeat: { max: 2 } }] },
    'input.steps[0].prompt',
    'The round before is {{previous.text}}',
  ],
  [
    'a reference to a later step of a loop',
    {
      steps: [
        {
          repeat: { max: 2 },
          steps: [
            { id: 'write', prompt: '{{steps.review.text}}' },
            { id: 'review', prompt: 'x' },
          ],
        },
      ],
    },
    'input.steps[0].steps[0].prompt',
    'in the round before is {{previous.review.text}}',
  ],
  [
    'a reference within a parallel group',
    { steps: [{ parallel: [draft, { id: 'b', prompt: '{{steps.draft.text}}' }] }] },
    'input.steps[0].parallel[1].prompt',
    '"draft" runs at the same time',
  ],
  [
    'a reference to a group',
    {
      steps: [
        { id: 'both', parallel: [draft] },
        { id: 'b', prompt: '{{steps.both.text}}' },
      ],
    },
    'input.steps[1].prompt',
    '"both" is a group',
  ],
  [
    'a missing input',
    { input, steps: [{ id: 'a', prompt: '{{input.topics}}' }] },
    'input.steps[0].prompt',
    'there is no "topics" in input. Did you mean "topic"?',
  ],
  [
    'a missing field deep in the input',
    { input, steps: [{ id: 'a', prompt: '{{input.customer.nmae}}' }] },
    'input.steps[0].prompt',
    'there is no "nmae" in input.customer. Did you mean "name"?',
  ],
  [
    'no input at all',
    { steps: [{ id: 'a', prompt: '{{input.topic}}' }] },
    'input.steps[0].prompt',
    'the chain is given no input',
  ],
  [
    'a field that an answer does not have',
    { steps: [draft, { id: 'b', prompt: '{{steps.draft.txt}}' }] },
    'input.steps[1].prompt',
    'there is no "txt" in steps.draft. Did you mean "text"?',
  ],
  [
    'an answer without its field',
    { steps: [draft, { id: 'b', prompt: '{{steps.draft}}' }] },
    'input.steps[1].prompt',
    'such as {{steps.draft.text}}',
  ],
  [
    'the object of a step without schema',
    { steps: [draft, { id: 'b', prompt: '{{steps.draft.object.name}}' }] },
    'input.steps[1].prompt',
    'step "draft" has no schema',
  ],
  [
    'a field that the schema does not have',
    { input, steps: [plan, { id: 'b', prompt: '{{steps.plan.object.items[0].nam}}' }] },
    'input.steps[1].prompt',
    'there is no "nam" in steps.plan.object.items.0. Did you mean "name"?',
  ],
  [
    'a field of a text',
    { input, steps: [{ id: 'a', prompt: '{{input.topic.name}}' }] },
    'input.steps[0].prompt',
    'input.topic is a text and has no field "name"',
  ],
  [
    'braces that never close',
    { input, steps: [{ id: 'a', prompt: 'About {{input.topic' }] },
    'input.steps[0].prompt',
    'opens braces that never close',
  ],
  ['empty braces', { steps: [{ id: 'a', prompt: 'x {{ }}' }] }, 'input.steps[0].prompt', 'names no place'],
  [
    'code in braces',
    { input, steps: [{ id: 'a', prompt: '{{input.topic.toUpperCase()}}' }] },
    'input.steps[0].prompt',
    'names no place',
  ],
  [
    'an unknown beginning',
    { input, steps: [{ id: 'a', prompt: '{{inputs.topic}}' }] },
    'input.steps[0].prompt',
    'nothing is called "inputs". Did you mean "input"?',
  ],
  [
    'a bad template in the system text',
    { steps: [{ id: 'a', prompt: 'x', system: '{{nobody}}' }] },
    'input.steps[0].system',
    'nothing is called "nobody"',
  ],
  [
    'an item without forEach',
    { steps: [{ id: 'a', prompt: '{{item}}' }] },
    'input.steps[0].prompt',
    'an item only in a step with forEach',
  ],
  [
    'a round before without repeat',
    { steps: [{ id: 'a', prompt: '{{previous.text}}' }] },
    'input.steps[0].prompt',
    'a round before only in repeat',
  ],
  [
    'forEach over a text',
    { input, steps: [{ id: 'a', prompt: '{{item}}', forEach: '{{input.topic}}' }] },
    'input.steps[0].forEach',
    'forEach needs a list, and {{input.topic}} is a text',
  ],
  [
    'forEach over more than a reference',
    { input, steps: [{ id: 'a', prompt: '{{item}}', forEach: 'all {{input.tags}}' }] },
    'input.steps[0].forEach',
    'one reference to a list',
  ],
  [
    'a field that items do not have',
    { input, steps: [plan, { id: 'a', prompt: '{{item.title}}', forEach: '{{steps.plan.object.items}}' }] },
    'input.steps[1].prompt',
    'there is no "title" in item. Known here: name',
  ],
  [
    'forEach and repeat in one step',
    { input, steps: [{ id: 'a', prompt: 'x', forEach: '{{input.tags}}', repeat: { max: 2 } }] },
    'input.steps[0].repeat',
    'pattern: "chain"',
  ],
  ['a loop without end', { steps: [{ ...draft, repeat: {} }] }, 'input.steps[0].repeat.max', 'number'],
  ['a loop of no round', { steps: [{ ...draft, repeat: { max: 0 } }] }, 'input.steps[0].repeat.max', 'Too small'],
  [
    'a condition over an unknown step',
    { steps: [{ ...draft, when: { value: '{{steps.plan.text}}', exists: true } }] },
    'input.steps[0].when.value',
    'Step "draft" uses {{steps.plan.text}}',
  ],
  [
    'a condition that tests nothing',
    { steps: [{ ...draft, when: { value: 1 } }] },
    'input.steps[0].when',
    'a value is tested by one of equals',
  ],
  [
    'a condition deep inside that is two things',
    { steps: [{ ...draft, when: { not: { and: [{ value: 1, equals: 1, or: [{ value: 1, equals: 1 }] }] } } }] },
    'input.steps[0].when.not.and[0]',
    'a condition is one of',
  ],
  [
    'an unknown test',
    { steps: [{ ...draft, when: { value: 1, atLeast: 2 } }] },
    'input.steps[0].when.atLeast',
    'no such field',
  ],
  [
    'a schema on a sub-run',
    { steps: [{ id: 'a', pattern: 'ask', input: { prompt: 'x' }, schema }] },
    'input.steps[0].schema',
    'schema only goes with prompt',
  ],
  [
    'an unknown pattern',
    { steps: [{ id: 'a', pattern: 'compere', input: {} }] },
    'input.steps[0].pattern',
    'Did you mean "compare"?',
  ],
  [
    'a sub-run without what it needs',
    { steps: [{ id: 'a', pattern: 'compare', input: { prompt: 'x' } }] },
    'input.steps[0].input.models',
    'Step "a", input of its compare',
  ],
  [
    'a sub-run with a bad reference',
    { steps: [draft, { id: 'a', pattern: 'ask', input: { prompt: '{{steps.drafd.text}}' } }] },
    'input.steps[1].input.prompt',
    'Did you mean "draft"?',
  ],
  [
    'a field that the result of a sub-run does not have',
    {
      steps: [
        { id: 'a', pattern: 'ask', input: { prompt: 'x' } },
        { id: 'b', prompt: '{{steps.a.result.txt}}' },
      ],
    },
    'input.steps[1].prompt',
    'there is no "txt" in steps.a.result. Did you mean "text"?',
  ],
  [
    'a chain in a chain with a wrong step',
    {
      input,
      steps: [
        {
          id: 'a',
          pattern: 'chain',
          input: { input: { x: '{{input.topic}}' }, steps: [{ id: 'in', prompt: '{{input.y}}' }] },
        },
      ],
    },
    'input.steps[0].input.steps[0].prompt',
    'Step "in" uses {{input.y}}, but there is no "y" in input',
  ],
  [
    'an output over an unknown step',
    { steps: [draft], output: { title: ['{{steps.titel.text}}'] } },
    'input.output.title[0]',
    'The output uses {{steps.titel.text}}',
  ],
  ['an unknown field of the chain', { steps: [draft], ouput: 'x' }, 'input.ouput', 'no such field'],
];

test.each(bad)('%s is one clear error', (_, definition, path, message) => {
  const problem = problemOf(definition);
  expect(problem).toMatchObject({ path, message: expect.stringContaining(message) });
  expect(problem!.message.startsWith(`${path}: `)).toBe(true);
});

const good: [name: string, definition: object][] = [
  ['JSON in a prompt, with its lone braces', { steps: [{ id: 'a', prompt: 'Like {"a": {"b": 1}}' }] }],
  ['literal braces', { steps: [{ id: 'a', prompt: 'Write \\{{name}} as it is' }] }],
  ['spaces in braces', { input, steps: [{ id: 'a', prompt: '{{  input.topic }}' }] }],
  ['the whole input', { input: 'rivers', steps: [{ id: 'a', prompt: 'About {{input}}' }] }],
  [
    'a step that may be skipped',
    {
      steps: [
        { ...draft, when: { value: 1, equals: 2 } },
        { id: 'b', prompt: '{{steps.draft.text}}' },
      ],
    },
  ],
  [
    'steps of a group that ran before',
    { steps: [{ parallel: [draft, { id: 'b', prompt: 'x' }] }, { id: 'c', prompt: '{{steps.b.text}}' }] },
  ],
  [
    'a field that any of the items has',
    { input: [{ a: 1 }, { a: 2, b: 'x' }], steps: [{ id: 'a', prompt: '{{item.b}} {{index}}', forEach: '{{input}}' }] },
  ],
  [
    'all answers of a forEach',
    { input, steps: [{ id: 'a', prompt: '{{item}}', forEach: '{{input.tags}}' }], output: '{{steps.a.items[0].text}}' },
  ],
  [
    'a schema that allows more',
    {
      steps: [
        { id: 'a', prompt: 'x', schema: { type: 'object', additionalProperties: true } },
        { id: 'b', prompt: '{{steps.a.object.anything.at.all}}' },
      ],
    },
  ],
  [
    'a sub-run whose models come from a template',
    {
      input: { models: ['a/b'] },
      steps: [{ id: 'a', pattern: 'compare', input: { prompt: 'x', models: '{{input.models}}' } }],
    },
  ],
  [
    'a chain in a chain whose input is not known yet',
    {
      input: { list: [{ y: 1 }] },
      steps: [
        {
          id: 'a',
          forEach: '{{input.list}}',
          pattern: 'chain',
          input: { input: '{{item}}', steps: [{ id: 'in', prompt: '{{input.y}}' }] },
        },
      ],
    },
  ],
  [
    'a loop over several steps',
    {
      steps: [
        {
          repeat: { max: 3, until: { value: '{{steps.review.text}}', contains: 'fine' } },
          steps: [
            { id: 'write', prompt: 'Round {{round}}: {{previous.review.text}}' },
            { id: 'review', prompt: '{{steps.write.text}}' },
          ],
        },
      ],
    },
  ],
];

test.each(good)('%s is allowed', (_, definition) => {
  expect(problemOf(definition)).toBeUndefined();
});
