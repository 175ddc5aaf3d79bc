import { afterEach, describe, expect, test } from '@jest/globals';
import type { FilePart, Insisted, ModelRequest } from '../../src/contract/index.ts';
import { mockPeer, type Peer } from './peer.ts';
import { all, ask, start, WIRES } from './wires.ts';

let peer: Peer | undefined;
afterEach(async () => {
  await peer?.stop();
  peer = undefined;
});

/** What the wire sends for a request. */
async function bodyOf(name: string, request: ModelRequest, model = WIRES.find((wire) => wire.name === name)!.model) {
  peer = await mockPeer({ content: '{}' });
  await all(start(WIRES.find((wire) => wire.name === name)!.open(peer.url), model, request));
  return peer.sent[0]!;
}

const SCHEMA = {
  type: 'object',
  properties: {
    town: { type: 'string', minLength: 2 },
    days: { type: 'array', items: { type: 'object', properties: { rain: { type: 'boolean' } }, required: ['rain'] } },
  },
  required: ['town', 'days'],
};
const TOOLS = [
  { name: 'add', parameters: { type: 'object', properties: { a: { type: 'number' } }, required: ['a'] } },
  { name: 'list', parameters: { type: 'object', properties: { from: { type: 'string' } } } },
];
const SETTINGS = { temperature: 0.2, topP: 0.9, seed: 7, stop: ['END'], maxOutputTokens: 321 };

describe('OpenAI Responses', () => {
  test('keeps nothing at the provider, and asks for strict answers where the schema can be strict', async () => {
    const { path, body } = await bodyOf(
      'openai',
      ask('Weather?', { schema: SCHEMA, tools: TOOLS, toolChoice: { name: 'add' } }),
    );
    expect(path).toBe('/v1/responses');
    expect(body).toMatchObject({ store: false, stream: true, tool_choice: { type: 'function', name: 'add' } });
    expect(body.text.format).toMatchObject({ type: 'json_schema', strict: true });
    expect(body.text.format.schema.additionalProperties).toBe(false);
    expect(body.text.format.schema.properties.days.items.additionalProperties).toBe(false);
    expect(body.tools.map((tool: { strict: boolean }) => tool.strict)).toEqual([true, false]);
  });

  test('does not make optional properties required', async () => {
    const { body } = await bodyOf('openai', ask('?', { schema: { ...SCHEMA, required: ['town'] } }));
    expect(body.text.format).toMatchObject({ strict: false, schema: { required: ['town'] } });
  });

  test.each([
    ['gpt-6-sol', undefined, undefined, undefined],
    ['gpt-6-sol', 'none', 'none', 0.2],
    ['gpt-6-astra', 'none', 'low', undefined],
    ['gpt-6.1-sol', 'minimal', 'low', undefined],
    ['gpt-5-mini', 'minimal', 'minimal', undefined],
    ['gpt-5.2', undefined, undefined, 0.2],
    ['gpt-4.1', 'high', undefined, 0.2],
    ['o3', 'medium', 'medium', undefined],
  ] as const)(
    '%s with effort %s is asked for effort %s and temperature %s',
    async (model, effort, sent, temperature) => {
      const { body } = await bodyOf('openai', ask('?', { ...SETTINGS, effort }), model);
      expect(body.reasoning?.effort).toBe(sent);
      expect(body.temperature).toBe(temperature);
      expect(body.max_output_tokens).toBe(321);
      expect(body).not.toHaveProperty('seed');
      expect(body).not.toHaveProperty('stop');
    },
  );
});

describe('Chat Completions', () => {
  test('sends every setting, and asks for usage', async () => {
    const request = ask('?', { ...SETTINGS, effort: 'minimal', schema: SCHEMA, tools: TOOLS, toolChoice: 'required' });
    const { path, body } = await bodyOf('openai-compatible', request);
    expect(path).toBe('/v1/chat/completions');
    expect(body).toMatchObject({
      ...{ temperature: 0.2, top_p: 0.9, seed: 7, stop: ['END'], max_tokens: 321 },
      ...{ reasoning_effort: 'low', tool_choice: 'required', stream_options: { include_usage: true } },
      response_format: { type: 'json_schema', json_schema: { strict: true } },
    });
  });
});

describe('Anthropic', () => {
  test('closes the schema, leaves out what the API refuses, and always sets max_tokens', async () => {
    const { path, body } = await bodyOf(
      'anthropic',
      ask('?', { ...SETTINGS, schema: SCHEMA, maxOutputTokens: undefined }),
    );
    expect(path).toBe('/v1/messages');
    expect(body.output_config.format.schema).toMatchObject({
      additionalProperties: false,
      properties: { days: { items: { additionalProperties: false } } },
    });
    expect(body.output_config.format.schema.properties.town).not.toHaveProperty('minLength');
    expect(body.max_tokens).toBeGreaterThanOrEqual(4_096);
    expect(body.stop_sequences).toEqual(['END']);
    for (const refused of ['temperature', 'top_p', 'top_k', 'seed']) expect(body).not.toHaveProperty(refused);
  });

  test.each([
    ['claude-sonnet-5-5', undefined, { type: 'adaptive', display: 'summarized' }, undefined],
    ['claude-sonnet-5-5', 'none', { type: 'between_tools' }, 'low'],
    ['claude-sonnet-5', 'none', { type: 'disabled' }, 'low'],
    ['claude-opus-5-5', 'none', undefined, 'low'],
    ['claude-opus-5-5', 'high', { type: 'adaptive', display: 'summarized' }, 'high'],
    ['claude-sonnet-4-6', undefined, undefined, undefined],
    ['claude-sonnet-4-6', 'medium', { type: 'adaptive', display: 'summarized' }, 'medium'],
    ['claude-haiku-4-5', 'medium', { type: 'enabled', budget_tokens: 8_192 }, undefined],
    ['claude-haiku-4-5', undefined, undefined, undefined],
  ] as const)('%s with effort %s', async (model, effort, thinking, sent) => {
    const { body } = await bodyOf('anthropic', ask('?', { effort }), model);
    expect(body.thinking).toEqual(thinking);
    expect(body.output_config?.effort).toBe(sent);
  });

  test('forces a tool where the model lets it, and insists in words where it does not', async () => {
    const request = ask('?', { tools: TOOLS, toolChoice: { name: 'add' } });
    expect((await bodyOf('anthropic', request, 'claude-haiku-4-5')).body.tool_choice).toEqual({
      type: 'tool',
      name: 'add',
    });
    await peer?.stop();
    const { body } = await bodyOf('anthropic', request, 'claude-sonnet-5-5');
    expect(body.tool_choice).toEqual({ type: 'auto' });
    expect(body.system).toContain('calling the tool add');
  });

  test('puts the results of parallel calls into one turn', async () => {
    const call = (id: string) => ({ type: 'toolCall' as const, id, name: 'add', arguments: { a: 1 } });
    const result = (id: string) => ({
      role: 'tool' as const,
      content: [{ type: 'toolResult' as const, id, name: 'add', content: '1', isError: id === 'b' }],
    });
    const { body } = await bodyOf('anthropic', {
      messages: [
        { role: 'user', content: 'Add' },
        { role: 'assistant', content: [call('a'), call('b')] },
        result('a'),
        result('b'),
      ],
      tools: TOOLS,
    });
    expect(body.messages.map((message: { role: string }) => message.role)).toEqual(['user', 'assistant', 'user']);
    expect(body.messages[2].content).toMatchObject([
      { type: 'tool_result', tool_use_id: 'a', is_error: false },
      { type: 'tool_result', tool_use_id: 'b', is_error: true },
    ]);
  });
});

describe('Gemini', () => {
  test('sends the schema as JSON schema, every setting, and the chosen tool', async () => {
    const request = ask('?', {
      ...SETTINGS,
      effort: 'none',
      schema: SCHEMA,
      tools: TOOLS,
      toolChoice: { name: 'add' },
    });
    const { path, body } = await bodyOf('gemini', request);
    expect(path).toBe('/v1beta/models/gemini-3.8-flash:streamGenerateContent?alt=sse');
    expect(body.generationConfig).toMatchObject({
      ...{ temperature: 0.2, topP: 0.9, seed: 7, stopSequences: ['END'], maxOutputTokens: 321 },
      ...{ responseMimeType: 'application/json', responseJsonSchema: SCHEMA },
      thinkingConfig: { thinkingLevel: 'LOW', includeThoughts: true },
    });
    expect(body.toolConfig.functionCallingConfig).toEqual({ mode: 'ANY', allowedFunctionNames: ['add'] });
    expect(body.tools[0].functionDeclarations[0].parametersJsonSchema).toEqual(TOOLS[0]!.parameters);
  });

  test.each([
    ['gemini-2.5-flash', 'none', { thinkingBudget: 0 }],
    ['gemini-2.5-pro', 'none', { thinkingBudget: 128 }],
    ['gemini-2.5-flash', 'high', { includeThoughts: true, thinkingBudget: 24_576 }],
    ['gemini-3.5-flash', 'minimal', { includeThoughts: true, thinkingLevel: 'MINIMAL' }],
    ['gemma-4-31b-it', 'high', undefined],
  ] as const)('%s with effort %s', async (model, effort, thinkingConfig) => {
    const { body } = await bodyOf('gemini', ask('?', { effort }), model);
    expect(body.generationConfig?.thinkingConfig).toEqual(thinkingConfig);
  });
});

describe('a setting that a request insists on', () => {
  const insisting = (...insists: Insisted[]) => ask('?', { ...SETTINGS, parallelTools: false, tools: TOOLS, insists });

  test.each([
    ['openai', 'gpt-6-sol', 'temperature'],
    ['openai', 'o3', 'stop'],
    ['anthropic', 'claude-sonnet-5-5', 'seed'],
    ['anthropic', 'claude-sonnet-5-5', 'topP'],
    ['gemini', 'gemini-3.8-flash', 'parallelTools'],
  ] as const)('%s refuses it where %s does not know it (%s), and asks nobody', async (name, model, setting) => {
    await expect(bodyOf(name, insisting(setting), model)).rejects.toMatchObject({
      error: { type: 'InvalidRequest', lacksSetting: setting, message: expect.stringContaining(model) },
    });
    expect(peer!.sent).toEqual([]);
  });

  test('is sent by the wire of OpenAI that has it', async () => {
    const { path, body } = await bodyOf('openai', insisting('stop', 'seed', 'temperature', 'parallelTools'), 'gpt-4.1');
    expect(path).toBe('/v1/chat/completions');
    expect(body).toMatchObject({ stop: ['END'], seed: 7, temperature: 0.2, parallel_tool_calls: false });
  });

  test('one tool call an answer is asked for in the words of each wire', async () => {
    expect((await bodyOf('openai', insisting('parallelTools'))).body.parallel_tool_calls).toBe(false);
    await peer!.stop();
    expect((await bodyOf('anthropic', insisting('parallelTools'))).body.tool_choice).toEqual({
      type: 'auto',
      disable_parallel_tool_use: true,
    });
  });
});

test('a file is sent as each wire takes it; what a wire cannot read is refused', async () => {
  const pdf = { type: 'file' as const, mediaType: 'application/pdf', name: 'a.pdf', data: 'JVBERg==' };
  const dataUrl = 'data:application/pdf;base64,JVBERg==';
  const withFile = (part: FilePart) => ask('?', { messages: [{ role: 'user', content: [part] }] });
  const sent: Record<string, unknown> = {
    openai: { type: 'input_file', filename: 'a.pdf', file_data: dataUrl },
    'openai-compatible': { type: 'file', file: { filename: 'a.pdf', file_data: dataUrl } },
    anthropic: {
      type: 'document',
      title: 'a.pdf',
      source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERg==' },
    },
    gemini: { inlineData: { data: 'JVBERg==', mimeType: 'application/pdf' } },
  };
  for (const [name, part] of Object.entries(sent)) {
    const { body } = await bodyOf(name, withFile(pdf));
    expect((body.input ?? body.messages ?? body.contents)[0]).toMatchObject(
      name === 'gemini' ? { parts: [part] } : { content: [part] },
    );
    await peer!.stop();
  }
  const zip = { ...pdf, mediaType: 'application/zip' };
  await expect(bodyOf('anthropic', withFile(zip))).rejects.toMatchObject({ error: { type: 'InvalidRequest' } });
});

test('any JSON object is asked of Claude in words: its closed schema would be an empty one', async () => {
  const { body } = await bodyOf('anthropic', ask('?', { schema: { type: 'object' } }));
  expect(body.output_config).toBeUndefined();
  expect(body.system).toMatch(/JSON object/);
});

test.each([
  ['openai', ['', '/', '/v1', '/v1/', '/v1/responses'], '/v1/responses'],
  ['openai-compatible', ['', '/v1', '/v1/chat/completions'], '/v1/chat/completions'],
  ['anthropic', ['', '/v1', '/v1/', '/v1/messages'], '/v1/messages'],
  ['gemini', ['', '/', '/v1beta', '/v1beta/'], '/v1beta/models/gemini-3.8-flash:streamGenerateContent?alt=sse'],
])('%s takes its address as people copy it', async (name, endings, path) => {
  peer = await mockPeer({ content: 'Hi' });
  const wire = WIRES.find((one) => one.name === name)!;
  for (const ending of endings) await all(start(wire.open(peer.url + ending), wire.model, ask('Hi')));
  expect(peer.sent.map((sent) => sent.path)).toEqual(endings.map(() => path));
});

test('a key goes to its provider and nobody else, whatever the SDKs find in the environment', async () => {
  process.env.ANTHROPIC_AUTH_TOKEN = 'another-token';
  process.env.GOOGLE_API_KEY = 'another-key';
  try {
    peer = await mockPeer({ content: 'Hi' });
    for (const wire of WIRES) await all(start(wire.open(peer.url), wire.model, ask('Hi')));
    const headers = JSON.stringify(peer.sent.map((sent) => sent.headers));
    expect(headers).not.toContain('another-');
    expect(headers.split('sk-live-0123456789abcdef').length - 1).toBe(WIRES.length);
  } finally {
    delete process.env.ANTHROPIC_AUTH_TOKEN;
    delete process.env.GOOGLE_API_KEY;
  }
});
