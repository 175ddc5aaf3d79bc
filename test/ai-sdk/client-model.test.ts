import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { generateText, isStepCount, Output, streamText, tool } from 'ai';
import { z } from 'zod';
import { clientModel } from '../../src/ai-sdk/index.ts';
import { type FrontDoor, frontDoor } from '../setup/front-door.ts';

let door: FrontDoor;
let hungUp = Promise.withResolvers<void>();
beforeAll(async () => {
  door = await frontDoor((prompt, nth) => {
    if (prompt.includes('city')) return { toolCalls: [{ id: 'call_1', name: 'sky', arguments: { city: 'Rome' } }] };
    if (prompt.includes('object')) return { words: ['{"cities"', ':2}'] };
    if (prompt.includes('for ever'))
      return { words: ['on', ' and on.'], end: 'hang', onHangUp: () => hungUp.resolve() };
    if (prompt.includes('cut off') && nth === 1) return { words: ['taken ', 'back'], paceMs: 20, end: 'cut' };
    // For a second: words that wait together become one piece.
    if (prompt === 'Stream') return { words: [...`answer to: ${prompt}`], paceMs: 60 };
    return prompt.includes('refused')
      ? { status: 400, error: 'not of this kind' }
      : { words: ['answer ', 'to: ', prompt] };
  });
});
afterAll(() => door.close());

const model = (name?: string) => clientModel(door.client, name, { tenant: 'acme' });

test('generateText is a run with its policy and bill, and the same call is not paid twice', async () => {
  const providerOptions = { cadenza: { id: 'acme:order-7' } };
  const ask = () =>
    generateText({ model: model(), prompt: 'Hello', system: 'Be kind', temperature: 0.5, topK: 3, providerOptions });
  const { text, usage, warnings, finalStep } = await ask();
  expect([text, usage.inputTokens, usage.outputTokens]).toEqual(['answer to: Hello', 20, 3]);
  expect(warnings).toMatchObject([{ type: 'unsupported', feature: 'topK' }]);
  expect(finalStep.response.modelId).toBe('chat/m');
  expect((await ask()).text).toBe(text);
  expect(door.peer.askedWith('Hello')).toMatchObject([
    { temperature: 0.5, messages: [{ role: 'system' }, { role: 'user' }] },
  ]);
  expect(await door.client.show('acme:order-7')).toMatchObject({ pattern: 'ask', tenant: 'acme', status: 'completed' });
});

test('tools run where the AI SDK runs, and their results go back to the model', async () => {
  const sky = tool({ inputSchema: z.object({ city: z.string() }), execute: ({ city }) => `sunny in ${city}` });
  const { text, steps } = await generateText({
    model: model('chat/m'),
    prompt: 'Which city?',
    tools: { sky },
    stopWhen: isStepCount(3),
  });
  expect([text, steps.length]).toEqual(['answer to: sunny in Rome', 2]);
});

test('an object is asked for by its schema', async () => {
  const output = Output.object({ schema: z.object({ cities: z.number() }) });
  expect((await generateText({ model: model(), prompt: 'An object', output })).output).toEqual({ cities: 2 });
});

test('streamText reads words as they are written', async () => {
  const { textStream, finishReason } = streamText({ model: model(), prompt: 'Stream' });
  const pieces = await Array.fromAsync(textStream);
  expect(pieces.join('')).toBe('answer to: Stream');
  expect(pieces.length).toBeGreaterThan(1);
  expect(await finishReason).toBe('stop');
  // From the cache it comes at once.
  expect(await streamText({ model: model(), prompt: 'Stream' }).text).toBe('answer to: Stream');
  expect(door.peer.askedWith('Stream')).toHaveLength(1);
});

test('an abort closes the connection to the provider', async () => {
  const abort = new AbortController();
  const { textStream } = streamText({ model: model(), prompt: 'Talk for ever', abortSignal: abort.signal });
  for await (const _ of textStream) abort.abort();
  await hungUp.promise;
  hungUp = Promise.withResolvers();
});

test('words that were read are not silently replaced: the stream ends with an error', async () => {
  const errors: unknown[] = [];
  const { textStream } = streamText({
    model: model(),
    prompt: 'This is cut off',
    onError: ({ error }) => void errors.push(error),
  });
  expect((await Array.fromAsync(textStream)).join('')).toBe('taken back');
  expect(String(errors[0])).toContain('broke off');
});

test('what cannot be answered is an error in words', async () => {
  await expect(generateText({ model: model(), prompt: 'To be refused' })).rejects.toThrow('not of this kind');
  await expect(generateText({ model: model('chta/m'), prompt: 'x' })).rejects.toThrow('chta');
});
