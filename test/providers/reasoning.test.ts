import { afterEach, expect, test } from '@jest/globals';
import type { Message } from '../../src/contract/index.ts';
import type { ProviderChunk } from '../../src/providers/provider.ts';
import { type Peer, scriptedPeer, sse } from './peer.ts';
import { all, ask, callsOf, endOf, start, WIRES } from './wires.ts';

let peer: Peer | undefined;
afterEach(async () => {
  await peer?.stop();
  peer = undefined;
});

async function answering(...events: unknown[]): Promise<Peer> {
  peer = await scriptedPeer((_incoming, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(sse(...events));
  });
  return peer;
}

const wire = (name: string) => WIRES.find((one) => one.name === name)!;
const thoughtsOf = (chunks: ProviderChunk[]) =>
  chunks.map((chunk) => (chunk.type === 'reasoning' ? chunk.text : '')).join('');

/** The conversation an agent sends back after a tool call. */
function goingOn(chunks: ProviderChunk[]): Message[] {
  const calls = callsOf(chunks);
  const { reasoningSignature: signature } = endOf(chunks);
  const thoughts = thoughtsOf(chunks);
  return [
    { role: 'user', content: 'Add' },
    {
      role: 'assistant',
      content: [...(thoughts ? [{ type: 'reasoning' as const, text: thoughts, signature }] : []), ...calls],
    },
    ...calls.map(({ id, name }) => ({
      role: 'tool' as const,
      content: [{ type: 'toolResult' as const, id, name, content: '3' }],
    })),
  ];
}

test('OpenAI: encrypted reasoning goes back before the call it led to, and usage counts cached and reasoning tokens', async () => {
  const { model, open } = wire('openai');
  const usage = {
    ...{ input_tokens: 100, output_tokens: 50, total_tokens: 150 },
    input_tokens_details: { cached_tokens: 40, cache_write_tokens: 10 },
    output_tokens_details: { reasoning_tokens: 30 },
  };
  const reasoning = (id: string) => ({
    type: 'response.output_item.done',
    item: { type: 'reasoning', id, summary: [], encrypted_content: `secret-${id}` },
  });
  const call = (id: string) => ({
    type: 'response.output_item.done',
    item: {
      type: 'function_call',
      id: `fc_${id}`,
      call_id: id,
      name: 'add',
      arguments: '{"a":1}',
      status: 'completed',
    },
  });
  const at = await answering(
    { type: 'response.reasoning_summary_text.delta', delta: 'I add.' },
    ...[reasoning('rs_1'), call('call_1'), reasoning('rs_2'), call('call_2')],
    { type: 'response.completed', response: { status: 'completed', output: [], usage } },
  );
  const provider = open(at.url);
  const chunks = await all(start(provider, model, ask('Add', { effort: 'high' })));
  expect(thoughtsOf(chunks)).toBe('I add.');
  expect(endOf(chunks)).toMatchObject({
    finishReason: 'toolCalls',
    usage: { inputTokens: 100, outputTokens: 50, cachedInputTokens: 40, cacheWriteTokens: 10, reasoningTokens: 30 },
  });
  await all(start(provider, model, { messages: goingOn(chunks) }));
  const kinds = at.sent[1]!.body.input.map((item: { type?: string; id?: string }) =>
    [item.type, item.id].filter(Boolean).join(' '),
  );
  expect(kinds).toEqual([
    '',
    'reasoning rs_1',
    'function_call',
    'reasoning rs_2',
    'function_call',
    'function_call_output',
    'function_call_output',
  ]);
  expect(at.sent[1]!.body.input[1].encrypted_content).toBe('secret-rs_1');
  await all(start(provider, 'gpt-4.1', { messages: goingOn(chunks) }));
  expect(JSON.stringify(at.sent[2]!.body)).not.toContain('secret-');
});

test('Anthropic: thinking goes back with its signature, to the model that signed it only', async () => {
  const { model, open } = wire('anthropic');
  const block = (index: number, content_block: object, ...deltas: object[]) => [
    { type: 'content_block_start', index, content_block },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index },
  ];
  const at = await answering(
    {
      type: 'message_start',
      message: {
        usage: { input_tokens: 5, cache_read_input_tokens: 70, cache_creation_input_tokens: 25, output_tokens: 1 },
      },
    },
    ...block(
      0,
      { type: 'thinking', thinking: '', signature: '' },
      { type: 'thinking_delta', thinking: 'I ' },
      { type: 'thinking_delta', thinking: 'add.' },
      { type: 'signature_delta', signature: 'signed=' },
    ),
    ...block(
      1,
      { type: 'tool_use', id: 'toolu_1', name: 'add', input: {} },
      { type: 'input_json_delta', partial_json: '{"a"' },
      { type: 'input_json_delta', partial_json: ':1}' },
    ),
    ...block(2, { type: 'redacted_thinking', data: 'hidden' }),
    ...block(3, { type: 'tool_use', id: 'toolu_2', name: 'add', input: {} }),
    {
      type: 'message_delta',
      delta: { stop_reason: 'tool_use' },
      usage: { output_tokens: 90, output_tokens_details: { thinking_tokens: 60 } },
    },
    { type: 'message_stop' },
  );
  const provider = open(at.url);
  const chunks = await all(start(provider, model, ask('Add')));
  expect(thoughtsOf(chunks)).toBe('I add.');
  expect(callsOf(chunks).map((call) => call.arguments)).toEqual([{ a: 1 }, {}]);
  expect(endOf(chunks)).toMatchObject({
    finishReason: 'toolCalls',
    usage: { inputTokens: 100, outputTokens: 90, cachedInputTokens: 70, cacheWriteTokens: 25, reasoningTokens: 60 },
  });
  await all(start(provider, model, { messages: goingOn(chunks) }));
  expect(at.sent[1]!.body.messages[1].content).toEqual([
    { type: 'thinking', thinking: 'I add.', signature: 'signed=' },
    { type: 'tool_use', id: 'toolu_1', name: 'add', input: { a: 1 } },
    { type: 'redacted_thinking', data: 'hidden' },
    { type: 'tool_use', id: 'toolu_2', name: 'add', input: {} },
  ]);
  await all(start(provider, 'claude-opus-5-5', { messages: goingOn(chunks) }));
  expect(JSON.stringify(at.sent[2]!.body)).not.toMatch(/signed=|hidden/);
});

test('Gemini: thoughts are told apart, and a call’s signature goes back to the model that made it', async () => {
  const { model, open } = wire('gemini');
  const at = await answering(
    { candidates: [{ content: { parts: [{ text: 'I add.', thought: true }] } }] },
    {
      candidates: [
        {
          content: {
            parts: [
              { functionCall: { name: 'add', args: { a: 1 } }, thoughtSignature: 'c2lnbmVk' },
              { functionCall: { name: 'add', args: { a: 2 } } },
            ],
          },
          finishReason: 'STOP',
        },
      ],
      usageMetadata: {
        promptTokenCount: 100,
        candidatesTokenCount: 20,
        thoughtsTokenCount: 30,
        cachedContentTokenCount: 40,
        totalTokenCount: 150,
      },
    },
  );
  const provider = open(at.url);
  const chunks = await all(start(provider, model, ask('Add')));
  expect(thoughtsOf(chunks)).toBe('I add.');
  expect(endOf(chunks)).toMatchObject({
    finishReason: 'toolCalls',
    usage: { inputTokens: 100, outputTokens: 50, cachedInputTokens: 40, reasoningTokens: 30 },
  });
  await all(start(provider, model, { messages: goingOn(chunks) }));
  const sent = at.sent[1]!.body.contents[1].parts;
  expect(sent.map((part: { thoughtSignature?: string }) => part.thoughtSignature)).toEqual(['c2lnbmVk', undefined]);
  await all(start(provider, 'gemini-3.7-flash', { messages: goingOn(chunks) }));
  const elsewhere = at.sent[2]!.body.contents[1].parts;
  expect(elsewhere[0].thoughtSignature).toBe('skip_thought_signature_validator');
});

test('Chat Completions: reasoning text of either name, usage after the end, and calls that share an index', async () => {
  const { model, open } = wire('openai-compatible');
  const delta = (fields: object, finish_reason: string | null = null) => ({
    choices: [{ index: 0, delta: fields, finish_reason }],
  });
  const call = (id: string) => ({
    tool_calls: [{ index: 0, id, type: 'function', function: { name: 'add', arguments: '{"a":1}' } }],
  });
  const at = await answering(
    ...[
      delta({ reasoning: 'I ' }),
      delta({ reasoning_content: 'add.' }),
      delta(call('x')),
      delta(call('y')),
      delta({}, 'stop'),
    ],
    { choices: [], usage: { prompt_tokens: 100, completion_tokens: 50, prompt_tokens_details: { cached_tokens: 40 } } },
    '[DONE]',
  );
  const chunks = await all(start(open(at.url), model, ask('Add')));
  expect(thoughtsOf(chunks)).toBe('I add.');
  expect(callsOf(chunks).map((one) => one.id)).toEqual(['x', 'y']);
  expect(endOf(chunks)).toMatchObject({
    finishReason: 'toolCalls',
    usage: { inputTokens: 100, outputTokens: 50, cachedInputTokens: 40 },
  });
});

test.each([
  [
    'openai',
    {
      type: 'response.incomplete',
      response: { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
    },
    'length',
  ],
  [
    'openai',
    {
      type: 'response.incomplete',
      response: { status: 'incomplete', incomplete_details: { reason: 'content_filter' } },
    },
    'contentFilter',
  ],
  ['openai-compatible', { choices: [{ index: 0, delta: {}, finish_reason: 'content_filter' }] }, 'contentFilter'],
  ['gemini', { candidates: [{ finishReason: 'MAX_TOKENS' }] }, 'length'],
])('%s: %j ends as %s', async (name, event, finishReason) => {
  const { model, open } = wire(name);
  const at = await answering(event);
  expect(endOf(await all(start(open(at.url), model, ask('?')))).finishReason).toBe(finishReason);
});

test.each([
  ['refusal', 'refusal'],
  ['max_tokens', 'length'],
  ['stop_sequence', 'stop'],
])('anthropic: stop reason %s ends as %s', async (stop_reason, finishReason) => {
  const { model, open } = wire('anthropic');
  const at = await answering(
    { type: 'message_start', message: { usage: { input_tokens: 1, output_tokens: 1 } } },
    { type: 'message_delta', delta: { stop_reason }, usage: { output_tokens: 1 } },
    { type: 'message_stop' },
  );
  expect(endOf(await all(start(open(at.url), model, ask('?')))).finishReason).toBe(finishReason);
});
