import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
import { generateText, type LanguageModel, Output, stepCountIs, streamText, tool } from 'ai';
import OpenAI from 'openai';
import { z } from 'zod';
import { EMBEDDING, failWith, mockProvider, promptOf, USAGE } from '../../setup/mock-provider.ts';
import { until } from '../../setup/until.ts';
import { type DialectsBed, dialectsBed } from './dialects-bed.ts';

const WEATHER = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    description: 'The weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
const MODEL = 'gpt-6-sol';

let bed: DialectsBed;
beforeAll(async () => {
  const provider = await mockProvider((request) => {
    const prompt = promptOf(request);
    const results = request.messages.filter(({ role }) => role === 'tool');
    if (prompt.includes('weather') && results.length === 0) {
      const cities = prompt.includes('both') ? ['Bergen', 'Oslo'] : ['Bergen'];
      const toolCalls = cities.map((city) => ({ name: 'get_weather', arguments: JSON.stringify({ city }) }));
      return { toolCalls, usage: USAGE };
    }
    if (prompt.includes('sum') && results.length === 0) {
      return { toolCalls: [{ name: 'calculator', arguments: '{"expression":"6*7"}' }], usage: USAGE };
    }
    if (prompt.includes('think')) return { content: `answer to: ${prompt}`, reasoning: 'Let me see.', usage: USAGE };
    if (prompt.includes('as JSON')) return { content: '{"town":"Bergen"}', usage: USAGE };
    const results_ = results.map(({ content }) => String(content)).join(', ');
    return { content: results_ ? `It is: ${results_}` : `answer to: ${prompt}`, usage: USAGE };
  });
  provider.first((request) => promptOf(request).includes('limit me'), failWith(429, 'slow down', 7));
  provider.first((request) => promptOf(request).includes('bad key'), failWith(401, 'Incorrect API key provided'));
  provider.first(
    (request) => promptOf(request).includes('too long'),
    () => ({
      status: 400,
      error: { message: "This model's maximum context length is 10 tokens", type: 'invalid_request_error' },
    }),
  );
  provider.first(
    (request) => promptOf(request).includes('slowly'),
    (request) => ({ content: `answer to: ${promptOf(request)} ${'word '.repeat(200)}`, usage: USAGE }),
    { chunkSize: 5, streamingProfile: { ttft: 50, tps: 20 } },
  );
  bed = await dialectsBed({
    provider,
    config: {
      agents: { clerk: { system: 'You are a clerk.', tools: ['calculator'], policy: 'quick' } },
      policies: {
        'claude-quick': { candidates: ['anthropic/claude-sonnet-5-5'], maxAttempts: 1, patience: 0, cache: false },
        quick: { candidates: [`openai/${MODEL}`], maxAttempts: 1, patience: 0, cache: false },
        checked: {
          candidates: [`openai/${MODEL}`],
          guardrails: { after: [{ check: 'personalData', onFailure: 'redact' }] },
        },
      },
    },
  });
});
afterAll(() => bed?.close());

describe('the openai SDK, Chat Completions', () => {
  const client = () => new OpenAI({ baseURL: `${bed.url}/v1`, apiKey: 'any', maxRetries: 0 });

  test('an answer, its run and what it cost', async () => {
    const { data, response } = await client()
      .chat.completions.create({ model: MODEL, messages: [{ role: 'user', content: 'Why do rivers bend?' }] })
      .withResponse();
    expect(data.choices[0]).toMatchObject({
      message: { role: 'assistant', content: 'answer to: Why do rivers bend?' },
      finish_reason: 'stop',
    });
    expect(data.usage).toMatchObject({ prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 });
    expect(response.headers.get('x-cadenza-run-id')).toBe(data.id);
    const bill = await bed.client.bill(data.id);
    expect(Number(response.headers.get('x-cadenza-cost-usd'))).toBeCloseTo(bill.totalUsd!, 9);
    expect(bill.calls).toHaveLength(1);
  });

  test('a stream, with its usage at the end', async () => {
    const stream = await client().chat.completions.create({
      model: MODEL,
      messages: [{ role: 'user', content: 'Tell it in pieces, please' }],
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await Array.fromAsync(stream);
    const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('');
    expect(text).toBe('answer to: Tell it in pieces, please');
    expect(chunks[0]!.choices[0]!.delta.role).toBe('assistant');
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 20, completion_tokens: 10 } });
    expect(chunks.at(-2)!.choices[0]!.finish_reason).toBe('stop');
  });

  test('tools, called in parallel, and their results', async () => {
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'The weather in both cities?' }];
    const first = await client().chat.completions.create({ model: MODEL, messages, tools: [WEATHER] });
    const [choice] = first.choices;
    expect(choice!.finish_reason).toBe('tool_calls');
    const calls = choice!.message.tool_calls!;
    expect(calls.map((call) => call.type === 'function' && JSON.parse(call.function.arguments).city)).toEqual([
      'Bergen',
      'Oslo',
    ]);
    messages.push(
      choice!.message,
      ...calls.map(({ id }, n) => ({ role: 'tool' as const, tool_call_id: id, content: `${n} degrees` })),
    );
    const second = await client().chat.completions.create({ model: MODEL, messages, tools: [WEATHER] });
    expect(second.choices[0]!.message.content).toBe('It is: 0 degrees, 1 degrees');
  });

  test('tools in a stream, by the SDK’s own runner', async () => {
    const runner = client().chat.completions.runTools({
      model: MODEL,
      stream: true,
      messages: [{ role: 'user', content: 'The weather in Bergen?' }],
      tools: [
        {
          type: 'function',
          function: {
            ...WEATHER.function,
            function: ({ city }: { city: string }) => `rain in ${city}`,
            parse: JSON.parse,
          },
        },
      ],
    });
    expect(await runner.finalContent()).toBe('It is: rain in Bergen');
  });

  test('structured output', async () => {
    const completion = await client().chat.completions.parse({
      model: MODEL,
      messages: [{ role: 'user', content: 'The town as JSON' }],
      response_format: {
        type: 'json_schema',
        json_schema: {
          name: 'town',
          schema: { type: 'object', properties: { town: { type: 'string' } }, required: ['town'] },
        },
      },
    });
    expect(JSON.parse(completion.choices[0]!.message.content!)).toEqual({ town: 'Bergen' });
  });

  test.each([
    ['limit me', 429, 'rate_limit_exceeded'],
    ['bad key', 502, 'provider_authentication_failed'],
    ['too long', 400, 'context_length_exceeded'],
  ])('what its provider says to "%s" is %s, streamed or not', async (content, status, code) => {
    for (const stream of [false, true]) {
      const asked = client().chat.completions.create({ model: 'quick', messages: [{ role: 'user', content }], stream });
      await expect(asked).rejects.toMatchObject({ status, code });
      if (code === 'rate_limit_exceeded')
        await asked.catch((error) => expect(error.headers.get('retry-after')).toBe('7'));
    }
  });

  test.each([
    [{ model: 'nobody/knows' }, 404, 'model_not_found', 'model'],
    [{ model: 'gpt-99' }, 404, 'model_not_found', 'model'],
    [{ model: 'auto' }, 404, 'model_not_found', 'model'],
    [{ n: 2 }, 400, 'InvalidRequest', 'n'],
    [{ logit_bias: { 5: 1 } }, 400, 'InvalidRequest', 'logit_bias'],
    [{ seed: 7 }, 400, 'InvalidRequest', 'seed'],
    [{ made_up: 7 }, 400, 'InvalidRequest', 'made_up'],
  ])('%j is refused by name', async (more, status, code, param) => {
    const body = { model: MODEL, messages: [{ role: 'user' as const, content: 'Hi' }], ...more };
    const asked = client().chat.completions.create(body as never);
    await expect(asked).rejects.toMatchObject({ status, code, param });
    await expect(asked).rejects.toThrow(/^(?!.*input\.)/);
  });
});

describe('the openai SDK, Responses', () => {
  const client = () => new OpenAI({ baseURL: `${bed.url}/v1`, apiKey: 'any', maxRetries: 0 });
  const weather = { type: 'function' as const, strict: true, ...WEATHER.function };

  test('an answer, found again by its id', async () => {
    const response = await client().responses.create({
      model: MODEL,
      input: 'Why do lakes dry?',
      instructions: 'Be short.',
      metadata: { order: '7' },
    });
    expect(response).toMatchObject({
      ...{
        object: 'response',
        status: 'completed',
        output_text: 'answer to: Why do lakes dry?',
        metadata: { order: '7' },
      },
      ...{ instructions: 'Be short.', usage: { input_tokens: 20, output_tokens: 10, total_tokens: 30 } },
    });
    const again = await client().responses.retrieve(response.id);
    expect(again).toMatchObject({
      id: response.id,
      status: 'completed',
      output: response.output,
      instructions: 'Be short.',
    });
    expect(again.metadata).toEqual({ order: '7' });
  });

  test('a stream, its events in order and numbered; read again from a number on, they are the same', async () => {
    const input = 'Tell the response in pieces';
    const stream = await client().responses.create({ model: MODEL, input, stream: true });
    const events = await Array.fromAsync(stream);
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
    expect(events.map(({ type }) => type).filter((type, index, all) => type !== all[index - 1])).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ]);
    const last = events.at(-1)!;
    if (last.type !== 'response.completed') throw new Error('unreachable');
    expect(last.response.output[0]).toMatchObject({ content: [{ text: `answer to: ${input}` }] });
    const rest = await client().responses.retrieve(last.response.id, { stream: true, starting_after: 3 });
    const again = await Array.fromAsync(rest);
    expect(again.map(({ type, sequence_number }) => [type, sequence_number])).toEqual(
      events.slice(4).map(({ type, sequence_number }) => [type, sequence_number]),
    );
  });

  test('tools and their results, by previous_response_id', async () => {
    const first = await client().responses.create({ model: MODEL, input: 'The weather in Bergen?', tools: [weather] });
    const [call] = first.output;
    if (call?.type !== 'function_call') throw new Error(`no call: ${JSON.stringify(first.output)}`);
    expect(JSON.parse(call.arguments)).toEqual({ city: 'Bergen' });
    const second = await client().responses.create({
      model: MODEL,
      previous_response_id: first.id,
      input: [{ type: 'function_call_output', call_id: call.call_id, output: 'rain' }],
      tools: [weather],
    });
    expect(second.output_text).toBe('It is: rain');
    await expect(
      client().responses.create({ model: MODEL, previous_response_id: 'resp_unknown', input: 'Hi' }),
    ).rejects.toMatchObject({ status: 400, param: 'previous_response_id' });
  });

  test('in the background: asked for by its id, and stopped', async () => {
    const run = await client().responses.create({ model: MODEL, input: 'Quietly, please', background: true });
    expect(run.status).toBe('queued');
    await bed.client.result(run.id);
    expect(await client().responses.retrieve(run.id)).toMatchObject({
      status: 'completed',
      output_text: 'answer to: Quietly, please',
    });
    const slow = await client().responses.create({ model: MODEL, input: 'slowly, and stop', background: true });
    await client().responses.cancel(slow.id);
    const statusOf = async () => (await client().responses.retrieve(slow.id)).status;
    await until(async () => ((await statusOf()) === 'cancelled' ? true : undefined));
  });

  test('structured output, and errors by name', async () => {
    const parsed = await client().responses.parse({
      model: MODEL,
      input: 'The town as JSON, once more',
      text: { format: { type: 'json_schema', name: 'town', schema: z.toJSONSchema(z.object({ town: z.string() })) } },
    });
    expect(JSON.parse(parsed.output_text)).toEqual({ town: 'Bergen' });
    const refusedOnes = [
      [{ conversation: 'conv_1' }, 'conversation'],
      [{ truncation: 'auto' }, 'truncation'],
      [{ tools: [{ type: 'web_search' }] }, 'tools[0].type'],
    ] as const;
    for (const [more, param] of refusedOnes) {
      const asked = client().responses.create({ model: MODEL, input: 'Hi', ...more } as never);
      await expect(asked).rejects.toMatchObject({ status: 400, param });
    }
    await expect(client().responses.create({ model: 'quick', input: 'too long' })).rejects.toMatchObject({
      status: 400,
      code: 'context_length_exceeded',
    });
  });
});

describe('the openai SDK, embeddings and models', () => {
  const client = () => new OpenAI({ baseURL: `${bed.url}/v1`, apiKey: 'any', maxRetries: 0 });

  test('vectors, by a run that is billed', async () => {
    const { data, response } = await client()
      .embeddings.create({ model: 'text-embedding-3-small', input: ['rivers', 'lakes'] })
      .withResponse();
    expect(data.data.map(({ index, embedding }) => [index, embedding])).toEqual([
      [0, EMBEDDING],
      [1, EMBEDDING],
    ]);
    const bill = await bed.client.bill(response.headers.get('x-cadenza-run-id')!);
    expect(bill.calls).toMatchObject([{ model: 'openai/text-embedding-3-small' }]);
    await expect(client().embeddings.create({ model: 'openai/e', input: 'x', dimensions: 3 })).rejects.toMatchObject({
      status: 400,
      param: 'dimensions',
    });
  });

  test('a name that makes no vectors is refused without being offered', async () => {
    const asked = client().embeddings.create({ model: 'fast', input: 'x' });
    await expect(asked).rejects.toMatchObject({ status: 404, code: 'model_not_found', param: 'model' });
    await expect(asked).rejects.toThrow(/"fast" names no model that makes vectors(?!.*Known names.*fast)/);
  });

  test('what a key may not ask is told by the request’s own field', async () => {
    const { secret: apiKey } = await bed.client.keys.create({
      ...{ name: 'narrow', models: ['sandbox/gpt'], patterns: ['ask', 'embed', 'council'] },
    });
    const narrow = new OpenAI({ baseURL: `${bed.url}/v1`, apiKey, maxRetries: 0 });
    const messages = [{ role: 'user' as const, content: 'Hi' }];
    for (const asked of [
      () => narrow.chat.completions.create({ model: MODEL, messages }),
      () => narrow.chat.completions.create({ model: `council:sandbox/gpt,openai/${MODEL}`, messages }),
      () => narrow.chat.completions.create({ model: 'best-of', messages }),
      () => narrow.responses.create({ model: 'agent:clerk', input: 'Hi' }),
      () => narrow.embeddings.create({ model: 'text-embedding-3-small', input: 'x' }),
    ]) {
      await expect(asked()).rejects.toMatchObject({ status: 403, param: 'model' });
      await expect(asked()).rejects.toThrow(/^(?!.*input\.)/);
    }
  });

  test('models, policies and patterns are listed', async () => {
    const ids = (await Array.fromAsync(client().models.list())).map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining(['fast', 'strong', 'quick', 'council', 'sandbox/gpt']));
    expect(await client().models.retrieve('sandbox/gpt')).toMatchObject({
      ...{ id: 'sandbox/gpt', object: 'model' },
      price_usd: { input_per_million: 0.1, output_per_million: 0.5 },
    });
    await expect(client().models.retrieve('nobody')).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  });
});

describe('the Anthropic SDK', () => {
  const client = () => new Anthropic({ baseURL: bed.url, apiKey: 'any', maxRetries: 0 });
  const claude = { model: 'claude-sonnet-5-5', max_tokens: 500 };
  const tools = [{ name: 'get_weather', input_schema: { ...WEATHER.function.parameters, type: 'object' as const } }];

  test('an answer, its run and what it cost', async () => {
    const { data, response } = await client()
      .messages.create({ ...claude, system: 'Be short.', messages: [{ role: 'user', content: 'Why do seas rise?' }] })
      .withResponse();
    expect(data).toMatchObject({
      ...{ type: 'message', role: 'assistant', stop_reason: 'end_turn' },
      content: [{ type: 'text', text: 'answer to: Why do seas rise?' }],
      usage: { input_tokens: 20, output_tokens: 10 },
    });
    expect(response.headers.get('x-cadenza-run-id')).toBe(data.id);
    expect(Number(response.headers.get('x-cadenza-cost-usd'))).toBeGreaterThan(0);
    expect(bed.provider.asked('Be short.')).toBeGreaterThan(0);
  });

  test('a stream with thinking, put together by the SDK', async () => {
    const stream = client().messages.stream({
      ...claude,
      messages: [{ role: 'user', content: 'think of seas, in pieces' }],
    });
    const types: string[] = [];
    stream.on('streamEvent', ({ type }) => types.push(type));
    const final = await stream.finalMessage();
    expect(final.content.map((block) => (block.type === 'text' ? block.text : block.type))).toEqual([
      'thinking',
      'answer to: think of seas, in pieces',
    ]);
    expect(final.usage).toMatchObject({ input_tokens: 20, output_tokens: 10 });
    expect(types.filter((type, index) => type !== types[index - 1])).toEqual([
      ...['message_start', 'content_block_start', 'content_block_delta', 'content_block_stop'],
      ...['content_block_start', 'content_block_delta', 'content_block_stop', 'message_delta', 'message_stop'],
    ]);
  });

  test.each([false, true])('tools and their results (streamed: %s)', async (streamed) => {
    const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'The weather in both cities?' }];
    const ask = () => {
      const body = { ...claude, messages, tools };
      return streamed ? client().messages.stream(body).finalMessage() : client().messages.create(body);
    };
    const first = await ask();
    expect(first.stop_reason).toBe('tool_use');
    const uses = first.content.filter((block) => block.type === 'tool_use');
    expect(uses.map(({ input }) => input)).toEqual([{ city: 'Bergen' }, { city: 'Oslo' }]);
    messages.push(
      { role: 'assistant', content: first.content },
      {
        role: 'user',
        content: uses.map(({ id }, n) => ({ type: 'tool_result', tool_use_id: id, content: `${n} degrees` })),
      },
    );
    const second = await ask();
    expect(second.content).toMatchObject([{ type: 'text', text: 'It is: 0 degrees, 1 degrees' }]);
  });

  test('errors in its words', async () => {
    const ask = (content: string, more: object = {}) =>
      client().messages.create({ ...claude, model: 'claude-quick', messages: [{ role: 'user', content }], ...more });
    await expect(ask('limit me')).rejects.toBeInstanceOf(Anthropic.RateLimitError);
    await expect(ask('Hi', { model: 'nobody' })).rejects.toBeInstanceOf(Anthropic.NotFoundError);
    await expect(ask('Hi', { top_k: 3 })).rejects.toMatchObject({
      status: 400,
      error: { type: 'error', error: { type: 'invalid_request_error', message: expect.stringContaining('top_k') } },
    });
  });
});

describe('an agent that uses a tool of its own answers with its words alone', () => {
  const model = 'agent:clerk';
  const openai = () => new OpenAI({ baseURL: `${bed.url}/v1`, apiKey: 'any', maxRetries: 0 });
  const claude = () => new Anthropic({ baseURL: bed.url, apiKey: 'any', maxRetries: 0 });
  const ANSWER = 'It is: 42';

  test('by Chat Completions', async () => {
    const messages = [{ role: 'user' as const, content: 'The sum, by chat?' }];
    const { choices } = await openai().chat.completions.create({ model, messages });
    expect(choices).toMatchObject([{ finish_reason: 'stop', message: { content: ANSWER } }]);
    expect(choices[0]!.message).not.toHaveProperty('tool_calls');
    const streamed = await openai().chat.completions.stream({ model, messages }).finalChatCompletion();
    expect(streamed.choices).toMatchObject([{ finish_reason: 'stop', message: { content: ANSWER } }]);
    expect(streamed.choices[0]!.message.tool_calls).toBeUndefined();
  });

  test('by Messages', async () => {
    const body = { model, max_tokens: 500, messages: [{ role: 'user' as const, content: 'The sum, by Claude?' }] };
    const said = { stop_reason: 'end_turn', content: [{ type: 'text', text: ANSWER }] };
    expect(await claude().messages.create(body)).toMatchObject(said);
    expect(await claude().messages.stream(body).finalMessage()).toMatchObject(said);
  });

  test('by Responses, also in the background, and goes on from there', async () => {
    const message = { type: 'message', content: [{ type: 'output_text', text: ANSWER }] };
    const response = await openai().responses.create({ model, input: 'The sum, by responses?' });
    expect(response.output).toMatchObject([message]);
    const streamed = await openai().responses.stream({ model, input: 'The sum, by responses?' }).finalResponse();
    expect(streamed.output).toMatchObject([message]);
    const run = await openai().responses.create({ model, input: 'The sum, quietly?', background: true });
    await bed.client.result(run.id);
    const found = await openai().responses.retrieve(run.id);
    expect(found).toMatchObject({ output: [message], tools: [], instructions: null });
    const again = await Array.fromAsync(await openai().responses.retrieve(run.id, { stream: true }));
    expect(again.at(-1)).toMatchObject({ type: 'response.completed', response: { output: [message] } });
    const next = { model: MODEL, previous_response_id: run.id, input: 'And why?' };
    expect((await openai().responses.create(next)).output_text).toBe('answer to: And why?');
    expect(bed.provider.requests().at(-1)!.text).toContain(ANSWER);
  });

  test('a run that makes no answer is not gone on from', async () => {
    const { id } = await bed.client.start('compare', { prompt: 'Which?', models: [`openai/${MODEL}`] });
    await bed.client.result(id);
    const asked = openai().responses.create({ model: MODEL, previous_response_id: id, input: 'And why?' });
    await expect(asked).rejects.toMatchObject({ status: 400, param: 'previous_response_id' });
  });
});

const aiSdk = (): [string, LanguageModel][] => {
  const openai = createOpenAI({ baseURL: `${bed.url}/v1`, apiKey: 'any' });
  const anthropic = createAnthropic({ baseURL: `${bed.url}/v1`, apiKey: 'any' });
  return [
    ['Responses', openai(MODEL)],
    ['Chat Completions', openai.chat(MODEL)],
    ['Messages', anthropic('claude-sonnet-5-5')],
  ];
};

describe.each(['Responses', 'Chat Completions', 'Messages'])('the AI SDK, by %s', (name) => {
  const model = () => aiSdk().find(([known]) => known === name)![1];
  const weather = tool({
    description: 'The weather of a city',
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => `rain in ${city}`,
  });

  test('a stream with tools, through to the answer', async () => {
    const { textStream, steps } = streamText({
      model: model(),
      prompt: `The weather in both cities, by ${name}?`,
      tools: { get_weather: weather },
      stopWhen: stepCountIs(3),
      maxRetries: 0,
    });
    expect((await Array.fromAsync(textStream)).join('')).toMatch(/^It is: .*rain in Bergen.*rain in Oslo/);
    expect(await steps).toHaveLength(2);
  });

  test('structured output, and an error', async () => {
    const { output } = await generateText({
      model: model(),
      prompt: `The town as JSON, by ${name}`,
      output: Output.object({ schema: z.object({ town: z.string() }) }),
      maxRetries: 0,
    });
    expect(output).toEqual({ town: 'Bergen' });
    await expect(generateText({ model: model(), prompt: 'too long', maxRetries: 0 })).rejects.toMatchObject({
      statusCode: 400,
    });
  });
});

describe('LangChain’s ChatOpenAI', () => {
  const model = (more: object = {}) =>
    new ChatOpenAI({
      model: MODEL,
      apiKey: 'any',
      configuration: { baseURL: `${bed.url}/v1` },
      maxRetries: 0,
      ...more,
    });

  test.each([false, true])(
    'streams, calls tools and structures its answer (Responses: %s)',
    async (useResponsesApi) => {
      const chat = model({ useResponsesApi });
      const pieces = await Array.fromAsync(await chat.stream(`In pieces, chain ${useResponsesApi}`));
      expect(pieces.map(({ text }) => text).join('')).toBe(`answer to: In pieces, chain ${useResponsesApi}`);

      const withTools = chat.bindTools([WEATHER]);
      const asked = [new HumanMessage('The weather in Bergen, chain?')];
      const called = await withTools.invoke(asked);
      expect(called.tool_calls).toMatchObject([{ name: 'get_weather', args: { city: 'Bergen' } }]);
      const result = new ToolMessage({ content: 'rain', tool_call_id: called.tool_calls![0]!.id! });
      expect((await withTools.invoke([...asked, called, result])).text).toBe('It is: rain');

      const structured = chat.withStructuredOutput(z.object({ town: z.string() }), { method: 'jsonSchema' });
      expect(await structured.invoke('The town as JSON, by chain')).toEqual({ town: 'Bergen' });
      await expect(model({ useResponsesApi, model: 'nobody' }).invoke('Hi')).rejects.toMatchObject({ status: 404 });
    },
  );
});

test('curl streams, and is told what is wrong', async () => {
  const curl = async (body: object, ...more: string[]) => {
    const args = ['-sN', ...more, `${bed.url}/v1/chat/completions`, '-H', 'content-type: application/json'];
    return (await promisify(execFile)('curl', [...args, '-d', JSON.stringify(body)])).stdout;
  };
  const body = { model: MODEL, messages: [{ role: 'user', content: 'By curl' }], stream: true };
  const said = await curl(body);
  expect(said).toMatch(/^data: \{"id":"chatcmpl-/);
  expect(said).toMatch(/: x-cadenza-cost-usd [\d.e-]+\n\ndata: \[DONE\]\n\n$/);
  expect(JSON.parse(await curl({ ...body, n: 3 }))).toMatchObject({ error: { param: 'n' } });
});
