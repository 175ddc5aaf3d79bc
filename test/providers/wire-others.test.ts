import { describe, expect, test } from '@jest/globals';
import { askingWires, type WireName } from './case-bed.ts';
import { sse } from './peer.ts';
import {
  CLAUDE_START,
  called,
  choice,
  claude,
  claudeEnd,
  claudeText,
  claudeTool,
  completed,
  DONE,
  delta,
  gem,
} from './wire-events.ts';

/** What servers were seen to do beside their documents, by wire: rarer than the kinds next door. */

const answered = askingWires();

const JSON_BODY = { 'content-type': 'application/json' };
const STOP = { type: 'message_stop' };
const piece = (args: unknown, more: object = {}, name?: unknown) => ({
  ...more,
  function: { ...(name === undefined ? {} : { name }), arguments: args },
});
const YES = [choice({ content: 'Yes.' }, 'stop'), DONE];

describe('keep-alives are no part of an answer', () => {
  test.each<[string, WireName, string[]]>([
    ['an empty data line', 'openai-chat', ['data: \n\n', 'data:\n\n', ...YES]],
    ['data: ping', 'openai-chat', ['data: ping\n\n', ...YES]],
    ['data: [keep-alive]', 'openai-chat', ['data: [keep-alive]\n\n', ...YES]],
    ['data: null', 'openai-chat', ['data: null\n\n', ...YES]],
    ['data: {}', 'openai-chat', ['data: {}\n\n', ...YES]],
    ['an event without choices', 'openai-chat', [sse({ id: 'x', object: 'chat.completion.chunk' }), ...YES]],
    ['a named event', 'openai-chat', ['event: keepalive\ndata: {"message":"still working"}\n\n', ...YES]],
    ['a named event without data', 'openai-chat', ['event: ping\n\n', ...YES]],
    ['retry and id lines', 'openai-chat', ['retry: 3000\nid: 1\n\n', ...YES]],
    ['blank lines', 'openai-chat', ['\n\n\n', '\n', ...YES]],
    [
      'an empty data line',
      'anthropic',
      ['data: \n\n', ...claude(CLAUDE_START, ...claudeText('Yes.'), claudeEnd('end_turn'), STOP)],
    ],
    [
      'a heartbeat',
      'anthropic',
      [
        'event: heartbeat\ndata: {"time":1}\n\n',
        ...claude(CLAUDE_START, ...claudeText('Yes.'), claudeEnd('end_turn'), STOP),
      ],
    ],
    [
      'a keepalive event',
      'openai-responses',
      [sse({ type: 'keepalive', sequence_number: 1 }), sse(delta('Yes.'), completed())],
    ],
    ['data: ping', 'openai-responses', ['data: ping\n\n', sse(delta('Yes.'), completed())]],
    [
      'an empty candidate',
      'gemini',
      [sse({ candidates: [{}] }), sse({}), gem([{ text: 'Yes.' }], { finishReason: 'STOP' })],
    ],
  ])('%s on %s', async (_what, wire, chunks) => {
    const { error, reply } = await answered(wire, { chunks });
    expect(error).toBeUndefined();
    expect(reply).toMatchObject({ text: 'Yes.', finishReason: 'stop' });
  });
});

describe('lines as servers write them', () => {
  const utf8 = Buffer.from(`${choice({ content: 'Ça va 🙂.' }, 'stop')}${DONE}`);
  test.each<[string, string[], string]>([
    [
      'no space after data:',
      ['data:{"choices":[{"delta":{"content":"Yes."},"finish_reason":"stop"}]}\n\ndata:[DONE]\n\n'],
      'Yes.',
    ],
    ['a byte order mark', [`\uFEFF${choice({ content: 'Yes.' }, 'stop')}`, DONE], 'Yes.'],
    [
      'one value over data lines',
      ['data: {"choices":[{"delta":\ndata: {"content":"Yes."},\ndata: "finish_reason":"stop"}]}\n\n', DONE],
      'Yes.',
    ],
    [
      'several values under one another',
      [
        'data: {"choices":[{"delta":{"content":"Ye"}}]}\ndata: {"choices":[{"delta":{"content":"s."},"finish_reason":"stop"}]}\ndata: [DONE]\n\n',
      ],
      'Yes.',
    ],
    ['CR alone', [choice({ content: 'Yes.' }, 'stop').replaceAll('\n', '\r'), DONE.replaceAll('\n', '\r')], 'Yes.'],
    ['CRLF cut in two', [choice({ content: 'Yes.' }, 'stop').replace('\n\n', '\r'), '\n\r', '\n', DONE], 'Yes.'],
    [
      'comments between',
      [': a\n', choice({ content: 'Ye' }), ': b\n\n', choice({ content: 's.' }, 'stop'), ': c\n', DONE],
      'Yes.',
    ],
    ['single characters', [...`${choice({ content: 'Yes.' }, 'stop')}${DONE}`], 'Yes.'],
    ['a name on each event', [choice({ content: 'Yes.' }, 'stop').replace(/^/, 'event: message\n'), DONE], 'Yes.'],
  ])('%s', async (_what, chunks, text) => {
    expect((await answered('openai-chat', { chunks })).reply?.text).toBe(text);
  });

  test('characters cut between bytes', async () => {
    const chunks = [...utf8].map((byte) => Buffer.from([byte])) as unknown as string[];
    expect((await answered('openai-chat', { chunks })).reply?.text).toBe('Ça va 🙂.');
  });

  test('comments before an answer that comes as JSON', async () => {
    const body =
      ': OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n{"choices":[{"message":{"content":"Yes."},"finish_reason":"stop"}]}';
    expect((await answered('openai-chat', { body })).reply?.text).toBe('Yes.');
  });

  test('blank lines before an answer that comes as JSON', async () => {
    const chunks = ['\n', '\n', '{"choices":[{"message":{"content":"Yes."},"finish_reason":"stop"}]}'];
    expect((await answered('openai-chat', { headers: JSON_BODY, chunks, pauseMs: 20 })).reply?.text).toBe('Yes.');
  });

  test('JSON, a line each', async () => {
    const body =
      '{"choices":[{"delta":{"content":"Ye"}}]}\n{"choices":[{"delta":{"content":"s."},"finish_reason":"stop"}]}\n';
    expect((await answered('openai-chat', { headers: JSON_BODY, body })).reply?.text).toBe('Yes.');
  });
});

describe('an error, wherever it stands in a stream', () => {
  const begun = choice({ content: 'Yes' });
  test.each<[string, WireName, string[], string, boolean | undefined]>([
    [
      'a JSON line without data:',
      'openai-chat',
      [begun, '{"error":{"message":"Worker died","type":"server_error"}}\n\n'],
      'Unavailable',
      true,
    ],
    [
      'under the name of msg',
      'openai-chat',
      [sse({ code: 1302, msg: 'rate limit reached' })],
      'RateLimited',
      undefined,
    ],
    [
      'of Baidu',
      'openai-chat',
      ['{"error_code":336501,"error_msg":"Rpm rate limit reached"}'],
      'RateLimited',
      undefined,
    ],
    ['a status as a text', 'openai-chat', [sse({ error: { code: '429', message: 'Slow' } })], 'RateLimited', undefined],
    ['a status beside it', 'openai-chat', [sse({ error: { message: 'Slow' }, status: 429 })], 'RateLimited', undefined],
    ['a status beside a text', 'openai-chat', [sse({ error: 'Slow', status_code: 503 })], 'Unavailable', undefined],
    [
      'error: true',
      'openai-chat',
      [sse({ error: true, message: 'model is overloaded', code: 'overloaded' })],
      'Overloaded',
      undefined,
    ],
    [
      'Cloudflare’s list',
      'openai-chat',
      ['{"success":false,"errors":[{"code":7009,"message":"Rate limit exceeded"}],"result":null}'],
      'RateLimited',
      undefined,
    ],
    [
      'in the choice',
      'openai-chat',
      [sse({ choices: [{ delta: {}, error: { code: 502, message: 'Upstream' }, finish_reason: 'error' }] })],
      'Unavailable',
      undefined,
    ],
    [
      'context, in the stream',
      'openai-chat',
      [sse({ error: { message: "This model's maximum context length is 10 tokens", code: 400 } })],
      'ContextTooLong',
      undefined,
    ],
    [
      'event: error',
      'anthropic',
      [
        ...claude(CLAUDE_START, ...claudeText('Yes')),
        'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n',
      ],
      'Overloaded',
      true,
    ],
    [
      'event: error without type',
      'anthropic',
      [...claude(CLAUDE_START, ...claudeText('Yes')), 'event: error\ndata: {"error":{"message":"boom"}}\n\n'],
      'Unavailable',
      true,
    ],
    [
      'OpenAI’s form',
      'anthropic',
      ['data: {"error":{"message":"Slow","code":"rate_limit_exceeded"}}\n\n'],
      'RateLimited',
      undefined,
    ],
    [
      'an exception of Bedrock',
      'anthropic',
      [
        ...claude(CLAUDE_START),
        'event: error\ndata: {"message":"Too many requests, please wait before trying again.","__type":"ThrottlingException"}\n\n',
      ],
      'RateLimited',
      undefined,
    ],
    [
      'in a candidate’s stream',
      'gemini',
      [
        gem([{ text: 'Yes' }]),
        sse({
          error: { code: 503, message: 'The model is overloaded. Please try again later.', status: 'UNAVAILABLE' },
        }),
      ],
      'Overloaded',
      true,
    ],
    [
      'a list',
      'gemini',
      [gem([{ text: 'Yes' }]), 'data: [{"error":{"code":500,"message":"Internal","status":"INTERNAL"}}]\n\n'],
      'Unavailable',
      true,
    ],
    [
      'response.error',
      'openai-responses',
      [sse(delta('Yes'), { type: 'response.error', error: { code: 'server_error', message: 'x' } })],
      'Unavailable',
      true,
    ],
    [
      'response.failed without an error',
      'openai-responses',
      [sse(delta('Yes'), { type: 'response.failed', response: { status: 'failed', error: null } })],
      'Unavailable',
      true,
    ],
    [
      'response.failed for its context',
      'openai-responses',
      [
        sse({
          type: 'response.failed',
          response: { error: { code: 'context_length_exceeded', message: 'Your input exceeds the context window' } },
        }),
      ],
      'ContextTooLong',
      undefined,
    ],
    [
      'insufficient_quota',
      'openai-responses',
      [sse({ type: 'error', code: 'insufficient_quota', message: 'You exceeded your current quota' })],
      'QuotaExhausted',
      undefined,
    ],
    [
      'an invalid prompt',
      'openai-responses',
      [
        sse({
          type: 'response.failed',
          response: { error: { code: 'invalid_prompt', message: 'Invalid prompt: flagged' } },
        }),
      ],
      'InvalidRequest',
      undefined,
    ],
  ])('%s on %s', async (_what, wire, chunks, type, midStream) => {
    const { error } = await answered(wire, { chunks });
    expect(error).toMatchObject({ type, midStream });
  });

  test.each<[WireName, string[]]>([
    ['openai-chat', [choice({ content: 'Yes.' }, 'stop'), sse({ error: { message: 'Late', code: 500 } })]],
    [
      'anthropic',
      claude(CLAUDE_START, ...claudeText('Yes.'), claudeEnd('end_turn'), {
        type: 'error',
        error: { type: 'api_error', message: 'Late' },
      }),
    ],
    ['gemini', [gem([{ text: 'Yes.' }], { finishReason: 'STOP' }), sse({ error: { code: 500, message: 'Late' } })]],
  ])('%s: one after the whole answer takes nothing away', async (wire, chunks) => {
    expect((await answered(wire, { chunks })).reply).toMatchObject({ text: 'Yes.', finishReason: 'stop' });
  });

  test('an error told after its finish reason is the one that counts', async () => {
    const chunks = [choice({ content: 'Yes' }), choice({}, 'error'), sse({ error: { message: 'Slow', code: 429 } })];
    expect((await answered('openai-chat', { chunks })).error).toMatchObject({ type: 'RateLimited', midStream: true });
  });

  test('an error after an empty finish is one', async () => {
    const chunks = [choice({}, 'stop'), sse({ error: { message: 'Late', code: 500 } })];
    expect((await answered('openai-chat', { chunks })).error?.type).toBe('Unavailable');
  });
});

describe('tool calls, rarer forms', () => {
  test.each<[string, string[], [string, string, object][]]>([
    [
      'index null',
      [called(piece('{"n":', { index: null, id: 'a' }, 'f')), called(piece('1}', { index: null, id: null }))],
      [['a', 'f', { n: 1 }]],
    ],
    [
      'the id in a later piece',
      [called(piece('', { index: 0 }, 'f')), called(piece('{"n":1}', { index: 0, id: 'a' }))],
      [['a', 'f', { n: 1 }]],
    ],
    [
      'the name in a later piece',
      [
        called(piece('', { index: 0, id: 'a' })),
        called(piece('', { index: 0 }, 'f')),
        called(piece('{"n":1}', { index: 0 })),
      ],
      [['a', 'f', { n: 1 }]],
    ],
    ['indexes from 1', [called(piece('{"n":1}', { index: 1, id: 'a' }, 'f'))], [['a', 'f', { n: 1 }]]],
    [
      'an index that grows with each piece',
      [
        called(piece('{"n":', { index: 0, id: 'a' }, 'f')),
        called(piece('1', { index: 1 })),
        called(piece('}', { index: 2 })),
      ],
      [['a', 'f', { n: 1 }]],
    ],
    [
      'index 0 and a new id for each call',
      [
        called(piece('', { index: 0, id: 'a' }, 'f')),
        called(piece('{"n":1}', { index: 0, id: '' })),
        called(piece('', { index: 0, id: 'b' }, 'f')),
        called(piece('{"n":2}', { index: 0, id: '' })),
      ],
      [
        ['a', 'f', { n: 1 }],
        ['b', 'f', { n: 2 }],
      ],
    ],
    [
      'the same id 0 and 1 as texts, index 0',
      [
        called(piece('', { index: 0, id: '0' }, 'f')),
        called(piece('{"n":1}', { index: 0, id: '0' })),
        called(piece('', { index: 0, id: '1' }, 'f')),
        called(piece('{"n":2}', { index: 0, id: '1' })),
      ],
      [
        ['0', 'f', { n: 1 }],
        ['1', 'f', { n: 2 }],
      ],
    ],
    [
      'the whole once more, no index',
      [called(piece('{"n":1}', { id: 'a' }, 'f')), called(piece('{"n": 1}', { id: 'a' }, 'f'))],
      [['a', 'f', { n: 1 }]],
    ],
    ['no list', [choice({ tool_calls: piece('{"n":1}', { id: 'a' }, 'f') })], [['a', 'f', { n: 1 }]]],
    [
      'in the message of the last event',
      [
        choice({}),
        sse({
          choices: [
            {
              index: 0,
              delta: {},
              message: { tool_calls: [piece('{"n":1}', { id: 'a' }, 'f')] },
              finish_reason: 'tool_calls',
            },
          ],
        }),
      ],
      [['a', 'f', { n: 1 }]],
    ],
    [
      'in a message without delta',
      [
        sse({
          choices: [
            {
              index: 0,
              message: { content: null, tool_calls: [piece('{"n":1}', { id: 'a' }, 'f')] },
              finish_reason: 'tool_calls',
            },
          ],
        }),
      ],
      [['a', 'f', { n: 1 }]],
    ],
    [
      'parameters in place of arguments',
      [called({ id: 'a', function: { name: 'f', parameters: { n: 1 } } })],
      [['a', 'f', { n: 1 }]],
    ],
    [
      'name and arguments without function',
      [called({ id: 'a', index: 0, name: 'f', arguments: '{"n":1}' })],
      [['a', 'f', { n: 1 }]],
    ],
    ['an id that is a number', [called(piece('{"n":1}', { id: 7, index: 0 }, 'f'))], [['7', 'f', { n: 1 }]]],
    ['arguments of nothing but a space', [called(piece(' ', { id: 'a', index: 0 }, 'f'))], [['a', 'f', {}]]],
    [
      'an object in each event, growing not',
      [called(piece({}, { id: 'a', index: 0 }, 'f')), called(piece({ n: 1 }, { id: 'a', index: 0 }, 'f'))],
      [['a', 'f', { n: 1 }]],
    ],
  ])('%s', async (_what, chunks, calls) => {
    const { error, reply } = await answered('openai-chat', { chunks: [...chunks, choice({}, 'tool_calls'), DONE] });
    expect(error).toBeUndefined();
    expect(reply?.toolCalls?.map((call) => [call.name, call.arguments])).toEqual(
      calls.map(([, name, args]) => [name, args]),
    );
    for (const [at, [id]] of calls.entries()) if (id !== '*') expect(reply?.toolCalls?.[at]?.id).toBe(id);
    expect(reply?.finishReason).toBe('toolCalls');
  });

  test('text before a whole call', async () => {
    const chunks = [
      choice({ content: 'I look.' }),
      choice({ tool_calls: [piece('{"n":1}', { index: 0, id: 'a' }, 'f')] }, 'stop'),
      DONE,
    ];
    expect((await answered('openai-chat', { chunks })).reply).toMatchObject({
      text: 'I look.',
      finishReason: 'toolCalls',
      toolCalls: [{ id: 'a' }],
    });
  });

  test('on Anthropic, blocks that all have index 0 and no end', async () => {
    const tool = (id: string, input: object) => ({
      type: 'content_block_start',
      index: 0,
      content_block: { type: 'tool_use', id, name: 'f', input },
    });
    const chunks = claude(CLAUDE_START, tool('a', { n: 1 }), tool('b', { n: 2 }), claudeEnd('tool_use'), STOP);
    expect((await answered('anthropic', { chunks })).reply?.toolCalls).toMatchObject([
      { id: 'a', arguments: { n: 1 } },
      { id: 'b', arguments: { n: 2 } },
    ]);
  });

  test('on Anthropic, without input', async () => {
    const block = { type: 'content_block_start', index: 0, content_block: { type: 'tool_use', id: 'a', name: 'f' } };
    const chunks = claude(CLAUDE_START, block, { type: 'content_block_stop', index: 0 }, claudeEnd('tool_use'), STOP);
    expect((await answered('anthropic', { chunks })).reply?.toolCalls).toMatchObject([{ id: 'a', arguments: {} }]);
  });

  test('on Anthropic, with end_turn', async () => {
    const chunks = claude(CLAUDE_START, ...claudeTool(['{"n":', '1}']), claudeEnd('end_turn'), STOP);
    expect((await answered('anthropic', { chunks })).reply).toMatchObject({
      finishReason: 'toolCalls',
      toolCalls: [{ arguments: { n: 1 } }],
    });
  });

  test('on Responses, under ids that change', async () => {
    const item = (id: string, args: string) => ({
      type: 'function_call',
      id,
      call_id: 'a',
      name: 'f',
      arguments: args,
    });
    const chunks = [
      sse(
        { type: 'response.output_item.added', output_index: 0, item: item('x1', '') },
        { type: 'response.function_call_arguments.delta', output_index: 0, item_id: 'x2', delta: '{"n":1}' },
        { type: 'response.output_item.done', output_index: 0, item: item('x3', '{"n":1}') },
        completed({ output: [item('x4', '{"n":1}')] }),
      ),
    ];
    expect((await answered('openai-responses', { chunks })).reply?.toolCalls).toMatchObject([
      { id: 'a', arguments: { n: 1 } },
    ]);
  });

  test('on Responses, with arguments only in their done event', async () => {
    const chunks = [
      sse(
        {
          type: 'response.output_item.added',
          output_index: 0,
          item: { type: 'function_call', id: 'x', call_id: 'a', name: 'f' },
        },
        { type: 'response.function_call_arguments.done', output_index: 0, arguments: '{"n":1}' },
        completed(),
      ),
    ];
    expect((await answered('openai-responses', { chunks })).reply?.toolCalls).toMatchObject([
      { id: 'a', arguments: { n: 1 } },
    ]);
  });

  test('on Gemini, calls in several events, the finish reason in one without parts', async () => {
    const chunks = [
      gem([{ functionCall: { name: 'f', args: { n: 1 } } }]),
      gem([{ functionCall: { name: 'f' } }]),
      sse({ candidates: [{ finishReason: 'STOP' }] }),
    ];
    expect((await answered('gemini', { chunks })).reply).toMatchObject({
      finishReason: 'toolCalls',
      toolCalls: [{ arguments: { n: 1 } }, { arguments: {} }],
    });
  });
});

describe('words, rarer forms', () => {
  test.each<[string, WireName, string[], object]>([
    [
      'the whole message once more at the end',
      'openai-chat',
      [
        choice({ content: 'Yes.' }),
        sse({ choices: [{ index: 0, message: { content: 'Yes.' }, finish_reason: 'stop' }] }),
        DONE,
      ],
      { text: 'Yes.' },
    ],
    [
      'the whole message beside an empty delta',
      'openai-chat',
      [
        choice({ content: 'Yes.' }),
        sse({
          choices: [
            {
              index: 0,
              delta: { role: 'assistant', content: '' },
              message: { content: 'Yes.' },
              finish_reason: 'stop',
            },
          ],
        }),
        DONE,
      ],
      { text: 'Yes.' },
    ],
    [
      'content null',
      'openai-chat',
      [
        choice({ role: 'assistant', content: null }),
        choice({ content: 'Yes.' }),
        choice({ content: null }, 'stop'),
        DONE,
      ],
      { text: 'Yes.' },
    ],
    [
      'delta null',
      'openai-chat',
      [choice({ content: 'Yes.' }), sse({ choices: [{ index: 0, delta: null, finish_reason: 'stop' }] }), DONE],
      { text: 'Yes.' },
    ],
    [
      'a refusal',
      'openai-chat',
      [choice({ refusal: 'I can’t.' }), choice({}, 'stop'), DONE],
      { text: 'I can’t.', finishReason: 'refusal' },
    ],
    [
      'a refusal among parts',
      'openai-chat',
      [choice({ content: [{ type: 'refusal', refusal: 'I can’t.' }] }), choice({}, 'stop'), DONE],
      { text: 'I can’t.', finishReason: 'refusal' },
    ],
    [
      'reasoning_text',
      'openai-chat',
      [choice({ reasoning_text: 'Hmm.' }), ...YES],
      { text: 'Yes.', reasoning: 'Hmm.' },
    ],
    [
      'thinking_blocks',
      'openai-chat',
      [choice({ thinking_blocks: [{ type: 'thinking', thinking: 'Hmm.' }] }), ...YES],
      { text: 'Yes.', reasoning: 'Hmm.' },
    ],
    [
      'reasoning as an object',
      'openai-chat',
      [choice({ reasoning: { content: 'Hmm.' } }), ...YES],
      { text: 'Yes.', reasoning: 'Hmm.' },
    ],
    [
      'reasoning and content in one event',
      'openai-chat',
      [choice({ reasoning_content: 'Hmm.', content: 'Yes.' }, 'stop'), DONE],
      { text: 'Yes.', reasoning: 'Hmm.' },
    ],
    [
      'text only when it is done',
      'openai-responses',
      [sse({ type: 'response.output_text.done', output_index: 0, text: 'Yes.' }, completed())],
      { text: 'Yes.' },
    ],
    [
      'text only in the done item',
      'openai-responses',
      [
        sse(
          {
            type: 'response.output_item.done',
            output_index: 0,
            item: { type: 'message', id: 'm', content: [{ type: 'output_text', text: 'Yes.' }] },
          },
          completed(),
        ),
      ],
      { text: 'Yes.' },
    ],
    [
      'a refusal in the last event',
      'openai-responses',
      [sse(completed({ output: [{ type: 'message', content: [{ type: 'refusal', refusal: 'I can’t.' }] }] }))],
      { text: 'I can’t.', finishReason: 'refusal' },
    ],
    [
      'no event names',
      'openai-responses',
      [sse(delta('Yes.'), completed()).replace(/^event: .*\n/gm, '')],
      { text: 'Yes.' },
    ],
    [
      'no types in the data',
      'openai-responses',
      [
        'event: response.output_text.delta\ndata: {"delta":"Yes."}\n\n',
        'event: response.completed\ndata: {"response":{"status":"completed","output":[],"usage":{"input_tokens":1,"output_tokens":2}}}\n\n',
      ],
      { text: 'Yes.' },
    ],
    [
      'a think-block',
      'openai-responses',
      [sse(delta('<think>Hmm.</think>'), delta('Yes.'), completed())],
      { text: 'Yes.', reasoning: 'Hmm.' },
    ],
    [
      'a think-block',
      'anthropic',
      claude(CLAUDE_START, ...claudeText('<think>Hmm.</think>Yes.'), claudeEnd('end_turn'), STOP),
      { text: 'Yes.', reasoning: 'Hmm.' },
    ],
    [
      'thoughts',
      'gemini',
      [gem([{ text: 'Hmm.', thought: true }]), gem([{ text: 'Yes.' }], { finishReason: 'STOP' })],
      { text: 'Yes.', reasoning: 'Hmm.' },
    ],
    [
      'a finish before the words',
      'gemini',
      [gem([], { finishReason: 'STOP' }), gem([{ text: 'Ye' }]), gem([{ text: 's.' }], { finishReason: 'STOP' })],
      { text: 'Yes.' },
    ],
    [
      'a finish that is unspecified',
      'gemini',
      [
        gem([{ text: 'Ye' }], { finishReason: 'FINISH_REASON_UNSPECIFIED' }),
        gem([{ text: 's.' }], { finishReason: 'STOP' }),
      ],
      { text: 'Yes.', finishReason: 'stop' },
    ],
    [
      'a signature alone at the end',
      'gemini',
      [gem([{ text: 'Yes.' }]), gem([{ text: '', thoughtSignature: 'c2ln' }], { finishReason: 'STOP' })],
      { text: 'Yes.' },
    ],
  ])('%s on %s', async (_what, wire, chunks, expected) => {
    const { error, reply } = await answered(wire, { chunks });
    expect(error).toBeUndefined();
    expect(reply).toMatchObject(expected);
  });

  test('a finish that is unspecified does not end an answer', async () => {
    const chunks = [gem([{ text: 'Ye' }], { finishReason: 'FINISH_REASON_UNSPECIFIED' })];
    expect((await answered('gemini', { chunks })).error).toMatchObject({ type: 'ConnectionLost', midStream: true });
  });

  test('nor does one that is named null', async () => {
    const chunks = [choice({ content: 'Ye' }, 'null')];
    expect((await answered('openai-chat', { chunks })).error).toMatchObject({
      type: 'ConnectionLost',
      midStream: true,
    });
  });
});

test.each<[string, WireName, string]>([
  ['an answer', 'openai-chat', '{"choices":[{"message":{"content":"Yes."},"finish_reason":"stop"}]}'],
  ['an answer', 'anthropic', '{"type":"message","content":[{"type":"text","text":"Yes."}],"stop_reason":"end_turn"}'],
  [
    'a list',
    'gemini',
    '[{"candidates":[{"content":{"parts":[{"text":"Ye"}]}}]},\n{"candidates":[{"content":{"parts":[{"text":"s."}]},"finishReason":"STOP"}]}]',
  ],
  [
    'an answer',
    'openai-responses',
    '{"status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"Yes."}]}]}',
  ],
])('%s as JSON on %s, the body staying open', async (_what, wire, text) => {
  const thenKeepOpen = { everyMs: 50, chunk: ' ', forMs: 5_000 };
  const chunks = [text.slice(0, 30), text.slice(30)];
  const { reply } = await answered(wire, { headers: JSON_BODY, chunks, thenKeepOpen, clocks: { totalMs: 2_500 } });
  expect(reply).toMatchObject({ text: 'Yes.', finishReason: 'stop' });
});

test('an error in a stream of Gemini is read with its details', async () => {
  const details = [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '3s' }];
  const chunks = [
    gem([{ text: 'Yes' }]),
    sse({ error: { code: 429, message: 'Slow', status: 'RESOURCE_EXHAUSTED', details } }),
  ];
  const { error } = await answered('gemini', { chunks });
  expect(error).toMatchObject({ type: 'RateLimited', retryAfterMs: 3_000, midStream: true });
  expect(error!.message).not.toContain('{');
});

describe('why an answer ended', () => {
  test.each<[WireName, string, string]>([
    ['openai-chat', 'max_output_tokens', 'length'],
    ['openai-chat', 'MAX_TOKENS', 'length'],
    ['openai-chat', 'token_limit', 'length'],
    ['openai-chat', 'content_filtered', 'contentFilter'],
    ['openai-chat', 'PROHIBITED_CONTENT', 'contentFilter'],
    ['openai-chat', 'guardrail_intervened', 'contentFilter'],
    ['openai-chat', 'content_filter: SAFETY', 'contentFilter'],
    ['openai-chat', 'COMPLETE', 'stop'],
    ['openai-chat', 'eos_token', 'stop'],
    ['openai-chat', 'end_turn', 'stop'],
    ['openai-chat', 'refusal', 'refusal'],
    ['openai-chat', 'who_knows', 'other'],
    ['anthropic', 'refusal', 'refusal'],
    ['anthropic', 'pause_turn', 'other'],
    ['anthropic', 'model_context_window_exceeded', 'length'],
    ['anthropic', 'stop_sequence', 'stop'],
    ['anthropic', 'stop', 'stop'],
    ['anthropic', 'length', 'length'],
    ['anthropic', 'tool_use', 'other'],
    ['gemini', 'SAFETY', 'contentFilter'],
    ['gemini', 'RECITATION', 'contentFilter'],
    ['gemini', 'BLOCKLIST', 'contentFilter'],
    ['gemini', 'MAX_TOKENS', 'length'],
    ['gemini', 'OTHER', 'other'],
    ['gemini', 'LANGUAGE', 'other'],
  ])('%s: %s', async (wire, finish, reason) => {
    const chunks =
      wire === 'anthropic'
        ? claude(CLAUDE_START, ...claudeText('Yes.'), claudeEnd(finish), STOP)
        : wire === 'gemini'
          ? [gem([{ text: 'Yes.' }], { finishReason: finish })]
          : [choice({ content: 'Yes.' }, finish), DONE];
    expect((await answered(wire, { chunks })).reply).toMatchObject({ text: 'Yes.', finishReason: reason });
  });

  test.each<[string, string[]]>([
    ['its finish reason', [choice({}, 'function_call_filter: MALFORMED_FUNCTION_CALL'), DONE]],
    [
      'the finish reason behind',
      [
        sse({
          choices: [{ delta: { content: '' }, finish_reason: 'stop', native_finish_reason: 'MALFORMED_FUNCTION_CALL' }],
        }),
        DONE,
      ],
    ],
  ])('a bad call told by %s', async (_what, chunks) => {
    expect((await answered('openai-chat', { chunks })).error?.type).toBe('InvalidOutput');
  });

  test.each<[string, string]>([
    [
      'SAFETY',
      sse({ candidates: [{ finishReason: 'SAFETY' }], usageMetadata: { promptTokenCount: 5, totalTokenCount: 5 } }),
    ],
    ['MAX_TOKENS', sse({ candidates: [{ content: { role: 'model' }, finishReason: 'MAX_TOKENS' }] })],
  ])('Gemini with nothing but %s', async (name, chunk) => {
    expect((await answered('gemini', { chunks: [chunk] })).reply?.finishReason).toBe(
      name === 'SAFETY' ? 'contentFilter' : 'length',
    );
  });

  test('Gemini without candidates is no answer', async () => {
    const { error } = await answered('gemini', {
      chunks: [sse({ candidates: [], usageMetadata: { promptTokenCount: 5 } })],
    });
    expect(error?.type).toBe('ConnectionLost');
  });

  test('pings alone are no answer', async () => {
    expect((await answered('anthropic', { chunks: [sse({ type: 'ping' })] })).error?.type).toBe('ConnectionLost');
  });
});

describe('usage, rarer forms', () => {
  const chat = (usage: object) => [choice({ content: 'Yes.' }, 'stop'), sse({ choices: [], usage }), DONE];
  const claudeUsage = (first: object, last: object) =>
    claude(
      { type: 'message_start', message: { content: [], usage: first } },
      ...claudeText('Yes.'),
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: last },
      STOP,
    );
  const gemUsage = (usage: object) => [gem([{ text: 'Yes.' }], { finishReason: 'STOP' }, usage)];
  test.each<[string, WireName, string[], object]>([
    [
      'texts',
      'openai-chat',
      chat({ prompt_tokens: '10', completion_tokens: '2' }),
      { inputTokens: 10, outputTokens: 2 },
    ],
    [
      'output from the total',
      'openai-chat',
      chat({ prompt_tokens: 10, total_tokens: 12 }),
      { inputTokens: 10, outputTokens: 2 },
    ],
    [
      'a nested 0 beside the cached tokens',
      'openai-chat',
      chat({
        prompt_tokens: 100,
        completion_tokens: 2,
        prompt_tokens_details: { cached_tokens: 0 },
        prompt_cache_hit_tokens: 90,
      }),
      { inputTokens: 100, cachedInputTokens: 90 },
    ],
    [
      'cache writes of DashScope',
      'openai-chat',
      chat({
        prompt_tokens: 100,
        completion_tokens: 2,
        total_tokens: 102,
        prompt_tokens_details: { cached_tokens: 10, cache_creation_input_tokens: 50 },
      }),
      { inputTokens: 100, cachedInputTokens: 10, cacheWriteTokens: 50 },
    ],
    [
      'num_cached_tokens',
      'openai-chat',
      chat({ prompt_tokens: 100, completion_tokens: 2, num_cached_tokens: 90 }),
      { inputTokens: 100, cachedInputTokens: 90 },
    ],
    [
      'only before the finish',
      'openai-chat',
      [
        choice({ content: 'Yes.' }, null, { usage: { prompt_tokens: 10, completion_tokens: 2 } }),
        choice({}, 'stop'),
        DONE,
      ],
      { inputTokens: 10, outputTokens: 2 },
    ],
    [
      'and null after',
      'openai-chat',
      [
        choice({ content: 'Yes.' }, 'stop', { usage: { prompt_tokens: 10, completion_tokens: 2 } }),
        sse({ choices: [], usage: null }),
        DONE,
      ],
      { inputTokens: 10, outputTokens: 2 },
    ],
    [
      'and zeros after',
      'openai-chat',
      [
        choice({ content: 'Yes.' }, 'stop', { usage: { prompt_tokens: 10, completion_tokens: 2 } }),
        sse({ choices: [], usage: { prompt_tokens: 0, completion_tokens: 0 } }),
        DONE,
      ],
      { inputTokens: 10, outputTokens: 2 },
    ],
    [
      'after the end',
      'openai-chat',
      [choice({ content: 'Yes.' }, 'stop'), sse({ usage: { prompt_tokens: 10, completion_tokens: 2 } }), DONE],
      { inputTokens: 10, outputTokens: 2 },
    ],
    [
      'input 0 at the end, nothing cached',
      'anthropic',
      claudeUsage({ input_tokens: 10, output_tokens: 1 }, { input_tokens: 0, output_tokens: 6 }),
      { inputTokens: 10, outputTokens: 6 },
    ],
    [
      'corrected input',
      'anthropic',
      claudeUsage({ input_tokens: 10, output_tokens: 1 }, { input_tokens: 14, output_tokens: 6 }),
      { inputTokens: 14, outputTokens: 6 },
    ],
    [
      'all at first, then without the cached',
      'anthropic',
      claudeUsage(
        { input_tokens: 100, output_tokens: 1 },
        { input_tokens: 10, cache_read_input_tokens: 90, output_tokens: 6 },
      ),
      { inputTokens: 100, cachedInputTokens: 90 },
    ],
    [
      'all at first, then all cached',
      'anthropic',
      claudeUsage(
        { input_tokens: 100, output_tokens: 1 },
        { input_tokens: 0, cache_read_input_tokens: 100, output_tokens: 6 },
      ),
      { inputTokens: 100, cachedInputTokens: 100 },
    ],
    [
      'cache writes by their life',
      'anthropic',
      claudeUsage(
        {
          input_tokens: 10,
          cache_creation: { ephemeral_5m_input_tokens: 20, ephemeral_1h_input_tokens: 5 },
          output_tokens: 1,
        },
        { output_tokens: 6 },
      ),
      { inputTokens: 35, cacheWriteTokens: 25 },
    ],
    [
      'all told twice',
      'anthropic',
      claudeUsage(
        { input_tokens: 10, cache_read_input_tokens: 90, cache_creation_input_tokens: 5, output_tokens: 1 },
        { input_tokens: 10, cache_read_input_tokens: 90, cache_creation_input_tokens: 5, output_tokens: 6 },
      ),
      { inputTokens: 105, outputTokens: 6, cachedInputTokens: 90, cacheWriteTokens: 5 },
    ],
    [
      'texts',
      'anthropic',
      claudeUsage({ input_tokens: '10', output_tokens: '1' }, { output_tokens: '6' }),
      { inputTokens: 10, outputTokens: 6 },
    ],
    [
      'no candidates, but thoughts',
      'gemini',
      gemUsage({ promptTokenCount: 10, thoughtsTokenCount: 30, totalTokenCount: 40 }),
      { inputTokens: 10, outputTokens: 30, reasoningTokens: 30 },
    ],
    [
      'no candidates, but a total',
      'gemini',
      gemUsage({ promptTokenCount: 10, totalTokenCount: 12 }),
      { inputTokens: 10, outputTokens: 2 },
    ],
    [
      'input from the total',
      'gemini',
      gemUsage({ candidatesTokenCount: 2, totalTokenCount: 12 }),
      { inputTokens: 10, outputTokens: 2 },
    ],
    [
      'nulls',
      'gemini',
      gemUsage({
        promptTokenCount: 10,
        candidatesTokenCount: 2,
        thoughtsTokenCount: null,
        cachedContentTokenCount: null,
        totalTokenCount: 12,
      }),
      { inputTokens: 10, outputTokens: 2 },
    ],
    [
      'cached',
      'gemini',
      gemUsage({ promptTokenCount: 100, candidatesTokenCount: 2, cachedContentTokenCount: 90, totalTokenCount: 102 }),
      { inputTokens: 100, outputTokens: 2, cachedInputTokens: 90 },
    ],
    [
      'the names of Chat Completions',
      'openai-responses',
      [sse(delta('Yes.'), completed({ usage: { prompt_tokens: 10, completion_tokens: 2 } }))],
      { inputTokens: 10, outputTokens: 2 },
    ],
  ])('%s on %s', async (_what, wire, chunks, usage) => {
    const { reply } = await answered(wire, { chunks });
    expect(reply?.usage).toMatchObject(usage);
    expect(reply?.estimated).toBeUndefined();
  });

  test('a total alone is no split: estimated', async () => {
    expect((await answered('openai-chat', { chunks: chat({ total_tokens: 12 }) })).reply?.estimated).toBe(true);
  });
});

describe('JSON in what a model wrote', () => {
  const schema = {
    type: 'object',
    properties: { n: { type: 'number' } },
    required: ['n'],
    additionalProperties: false,
  };
  test.each<[string, string]>([
    ['<thinking> with JSON in it', '<thinking>{"n":2}</thinking>{"n":1}'],
    ['two blocks', '<think>{"n":2}</think><think>{"n":3}</think>{"n":1}'],
    ['words before and a fence', 'Sure!\n\n```json\n{"n":1}\n```'],
    ['a fence in capitals', '```JSON\n{"n":1}\n```'],
    ['tildes', '~~~json\n{"n":1}\n~~~'],
    ['a list of one', '[{"n":1}]'],
    ['text after', '{"n":1}\n\nLet me know if you need more.'],
    ['a word before', 'json\n{"n":1}'],
    ['marks of a special token', '{"n":1}<|im_end|>'],
    ['the object twice', '{"n":1}\n{"n":1}'],
    ['raw line breaks around', '\n\n  {"n":1}  \n'],
    ['a fence within a string is none', '{"n":1}\n```\nnot json\n```'],
  ])('%s', async (_what, content) => {
    const { reply } = await answered('openai-chat', {
      chunks: [choice({ content }, 'stop'), DONE],
      request: { schema },
    });
    expect(reply?.object).toEqual({ n: 1 });
  });
});
