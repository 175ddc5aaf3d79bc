import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type TestBed, testBed } from '../setup/test-bed.ts';

let bed: TestBed;
beforeAll(async () => {
  bed = await testBed();
});
afterAll(() => bed.close());

const schema = {
  type: 'object',
  properties: { age: { type: 'integer', minimum: 0 } },
  required: ['age'],
  additionalProperties: false,
};
const gpt = 'openai/gpt-6-sol';
const claude = 'anthropic/claude-sonnet-5-5';

/** Answers a prompt by the given texts, one after the other. */
function answers(prompt: string, model: string, texts: string[]) {
  const left = [...texts];
  bed.provider.first(
    (request) => request.model === model.split('/')[1] && JSON.stringify(request.messages).includes(prompt),
    () => ({ content: left.shift() ?? 'nothing left to say' }),
  );
}

test('an answer that fits its schema becomes an object', async () => {
  answers('fits', claude, ['```json\n{"age": 7}\n```']);
  const run = await bed.client.start('ask', { prompt: 'fits', schema, policy: { candidates: [claude] } });
  expect((await run.result()).object).toEqual({ age: 7 });
});

test('an answer that does not fit is repaired once', async () => {
  answers('repaired', claude, ['{"age": -1}', '{"age": 1}']);
  const run = await bed.client.start('ask', { prompt: 'repaired', schema, policy: { candidates: [claude] } });
  expect((await run.result()).object).toEqual({ age: 1 });
  const completed = (await bed.eventsOf(run.id)).filter((event) => event.type === 'call.completed');
  expect(completed.map((event) => event.invalid !== undefined)).toEqual([true, false]);
  expect((await bed.client.bill(run.id)).calls).toHaveLength(2);
  expect(bed.provider.requests().at(-1)!.text).toContain('cannot be used');
});

test('one that cannot be mended leaves the candidate', async () => {
  answers('hopeless', gpt, ['no', 'no', 'no']);
  answers('hopeless', claude, ['{"age": 3}']);
  const run = await bed.client.start('ask', { prompt: 'hopeless', schema, policy: { candidates: [gpt, claude] } });
  expect(await run.result()).toMatchObject({ model: claude, object: { age: 3 } });
  expect(bed.provider.asked('hopeless', 'gpt-6-sol')).toBe(3);
  expect((await bed.eventsOf(run.id)).find((event) => event.type === 'call.fallback')).toMatchObject({
    error: { type: 'InvalidOutput' },
  });
});
