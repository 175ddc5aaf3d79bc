import { afterAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { exampleOf } from '../../src/providers/example-of-schema.ts';
import { type Sandbox, startSandbox } from '../../src/providers/index.ts';
import { all, ask, callsOf, endOf, failureOf, start, textOf } from './wires.ts';

const opened: Sandbox[] = [];
const sandbox = (env: Record<string, string> = { CADENZA_SANDBOX_SPEED: 'instant' }) => {
  const one = startSandbox(env);
  opened.push(one);
  return one.provider;
};
afterAll(() => Promise.all(opened.map((one) => one.stop())));

const MODELS = ['gpt', 'claude', 'gemini'];

describe.each(MODELS)('sandbox/%s', (model) => {
  test('answers what was asked, labelled, always the same, and counted', async () => {
    const request = ask('Why is the sky blue? Tell me all.');
    const chunks = await all(start(sandbox(), model, request));
    expect(textOf(chunks)).toMatch(new RegExp(`^\\[sandbox/${model}\\] .*Why is the sky blue`));
    const { usage, finishReason } = endOf(chunks);
    expect(finishReason).toBe('stop');
    expect(usage.inputTokens).toBeGreaterThan(8);
    expect(usage.outputTokens).toBeGreaterThan(20);
    expect(textOf(await all(start(sandbox(), model, request)))).toBe(textOf(chunks));
  });

  test('gives an object that matches a schema', async () => {
    const Shape = z.object({
      title: z.string(),
      score: z.number().min(0).max(1),
      tags: z.array(z.enum(['a', 'b'])).min(2),
    });
    const { $schema: _, ...schema } = z.toJSONSchema(Shape);
    const text = textOf(await all(start(sandbox(), model, ask('Rate it', { schema }))));
    expect(Shape.parse(JSON.parse(text)).title).toContain(`[sandbox/${model}]`);
  });

  test('uses a tool the question names once, then tells what it said', async () => {
    const parameters = { type: 'object', properties: { expression: { type: 'string' } }, required: ['expression'] };
    const request = ask('Use the calculator: what is 17 * (3 + 4)?', { tools: [{ name: 'calculator', parameters }] });
    const chunks = await all(start(sandbox(), model, request));
    const [call] = callsOf(chunks);
    expect(call).toMatchObject({ name: 'calculator', arguments: { expression: '17 * (3 + 4)' } });
    expect(endOf(chunks).finishReason).toBe('toolCalls');
    const result = { type: 'toolResult' as const, id: call!.id, name: 'calculator', content: '119' };
    const messages = [
      ...request.messages,
      { role: 'assistant' as const, content: [call!] },
      { role: 'tool' as const, content: [result] },
    ];
    expect(textOf(await all(start(sandbox(), model, { ...request, messages })))).toContain('119');
  });

  test('stops at the number of tokens it may say', async () => {
    const { finishReason, usage } = endOf(await all(start(sandbox(), model, ask('Why?', { maxOutputTokens: 10 }))));
    expect({ finishReason, most: usage.outputTokens <= 10 }).toEqual({ finishReason: 'length', most: true });
  });
});

test('the three sound different', async () => {
  const texts = await Promise.all(MODELS.map(async (model) => textOf(await all(start(sandbox(), model, ask('Why?'))))));
  expect(new Set(texts.map((text) => text.replace(/^\S+ /, ''))).size).toBe(3);
});

test('unless told otherwise, it speaks at a pace one can read', async () => {
  const began = performance.now();
  const times: number[] = [];
  for await (const chunk of start(sandbox({}), 'gpt', ask('Why?', { maxOutputTokens: 30 }))) {
    if (chunk.type === 'text') times.push(performance.now() - began);
  }
  expect(times[0]).toBeGreaterThan(100);
  expect(times.at(-1)! - times[0]!).toBeGreaterThan(200);
});

test('another model is refused with those there are', async () => {
  const provider = sandbox();
  const error = provider.asCallError(await failureOf(all(start(provider, 'gpt-7', ask('?')))), 'gpt-7');
  expect(error).toMatchObject({ type: 'ModelNotFound', message: expect.stringContaining('gpt, claude, gemini') });
});

test('its server is shared, and gone when the last one lets go', async () => {
  const [first, second] = [
    startSandbox({ CADENZA_SANDBOX_SPEED: 'instant' }),
    startSandbox({ CADENZA_SANDBOX_SPEED: 'instant' }),
  ];
  await all(start(first.provider, 'gpt', ask('Why?')));
  await all(start(second.provider, 'gpt', ask('Why?')));
  await first.stop();
  expect(textOf(await all(start(second.provider, 'claude', ask('Why?'))))).toContain('[sandbox/claude]');
  await second.stop();
  await second.stop();
});

test.each([
  z.object({ a: z.string().min(3).max(5), b: z.int().min(10), c: z.boolean(), d: z.null(), e: z.literal('x') }),
  z
    .array(
      z.discriminatedUnion('kind', [
        z.object({ kind: z.literal('one'), n: z.number().gt(3) }),
        z.object({ kind: z.literal('two') }),
      ]),
    )
    .min(3),
  z.object({ when: z.iso.datetime(), mail: z.email(), at: z.url(), id: z.uuid() }),
  z.object({
    model: z.string().regex(/^[\w-]+\/[\w-]+$/),
    deep: z.object({ list: z.tuple([z.string(), z.number()]) }),
  }),
])('an example matches its schema (%#)', (shape) => {
  const example = exampleOf(z.toJSONSchema(shape) as Record<string, unknown>, 'sandbox/gpt');
  expect(shape.safeParse(example).error).toBeUndefined();
});
