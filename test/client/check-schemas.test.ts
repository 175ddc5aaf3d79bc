import { expect, test } from '@jest/globals';
import { checkSchemas } from '../../src/client/check-schemas.ts';

const bad = { type: 'string', pattern: '(?<=' };
const good = { type: 'object', not: { required: ['x'] } };

test.each([
  ['input.schema', { prompt: '?', schema: bad }],
  [
    'input.steps[1].schema',
    {
      steps: [
        { id: 'a', schema: good },
        { id: 'b', schema: bad },
      ],
    },
  ],
  ['input.steps[0].parallel[0].schema', { steps: [{ id: 'a', parallel: [{ id: 'b', schema: bad }] }] }],
  ['input.steps[0].input.schema', { steps: [{ id: 'a', pattern: 'ask', input: { schema: bad } }] }],
  ['input.input.schema', { pattern: 'ask', input: { schema: bad } }],
  [
    'input.policy.guardrails.after[0].schema',
    { policy: { candidates: ['a/b'], guardrails: { after: [{ check: 'schema', schema: bad }] } } },
  ],
])('a schema that cannot be checked is found before the start, in %s', (path, input) => {
  expect(checkSchemas(input)).toMatchObject({ type: 'InvalidRequest', path });
});

test('schemas that can be checked, and data that only looks like one, are let through', () => {
  expect(checkSchemas({ schema: good })).toBeUndefined();
  expect(checkSchemas({ steps: [], input: { schema: bad } })).toBeUndefined();
});
