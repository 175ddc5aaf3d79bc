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

/** The kinds of the wire cases, by others of their like: on all wires, and in the words of other vendors. */

const answered = askingWires();

const JSON_BODY = { 'content-type': 'application/json' };
const KEEP_OPEN = { everyMs: 50, chunk: '', forMs: 20_000 };
const CLOCKS = { firstTokenMs: 400, betweenTokensMs: 400 };

describe('the end of a stream is its terminal event', () => {
  const whole: [string, WireName, string[]][] = [
    ['[DONE]', 'openai-chat', [choice({ content: 'Yes.' }, 'stop'), DONE]],
    [
      'the usage',
      'openai-chat',
      [choice({ content: 'Yes.' }, 'stop'), sse({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } })],
    ],
    ['a finish reason and nothing more', 'openai-chat', [choice({ content: 'Yes.' }, 'stop')]],
    [
      'message_stop',
      'anthropic',
      claude(CLAUDE_START, ...claudeText('Yes.'), claudeEnd('end_turn'), { type: 'message_stop' }),
    ],
    ['a stop reason', 'anthropic', claude(CLAUDE_START, ...claudeText('Yes.'), claudeEnd('end_turn'))],
    ['a finish reason', 'gemini', [gem([{ text: 'Yes.' }], { finishReason: 'STOP' })]],
    ['response.completed', 'openai-responses', [sse(delta('Yes.'), completed())]],
    ['[DONE] alone', 'openai-responses', [sse(delta('Yes.')), DONE]],
    ['[DONE] alone', 'gemini', [gem([{ text: 'Yes.' }]), DONE]],
    ['response.done', 'openai-responses', [sse(delta('Yes.'), { ...completed(), type: 'response.done' })]],
  ];
  test.each(whole)('%s on %s, the body staying open', async (_what, wire, chunks) => {
    const { reply, error } = await answered(wire, { chunks, thenKeepOpen: KEEP_OPEN, clocks: CLOCKS });
    expect(error).toBeUndefined();
    expect(reply).toMatchObject({ text: 'Yes.', finishReason: 'stop' });
  });

  test.each(whole)('%s on %s, the connection breaking after it', async (_what, wire, chunks) => {
    const { reply } = await answered(wire, { chunks, thenBreak: true });
    expect(reply?.text).toBe('Yes.');
  });

  test.each<[string, WireName, string[]]>([
    ['openai-chat', 'openai-chat', [choice({ content: 'Yes' })]],
    ['anthropic', 'anthropic', claude(CLAUDE_START, ...claudeText('Yes'))],
    ['gemini', 'gemini', [gem([{ text: 'Yes' }])]],
    ['openai-responses', 'openai-responses', [sse(delta('Yes'))]],
  ])('%s: a body that ends before is cut, and books what was streamed', async (_name, wire, chunks) => {
    const { error, partial } = await answered(wire, { chunks });
    expect(error).toMatchObject({ type: 'ConnectionLost', midStream: true });
    expect(partial).toMatchObject({ text: 'Yes', estimated: true, usage: { outputTokens: 1 } });
    expect(partial!.usage.inputTokens).toBeGreaterThan(0);
  });

  test('a finish reason in every event ends nothing', async () => {
    const chunks = ['One ', 'two ', 'three.'].map((text) => gem([{ text }], { finishReason: 'STOP' }));
    expect((await answered('gemini', { chunks, pauseMs: 30 })).reply?.text).toBe('One two three.');
  });

  test('an empty stream that says it is done is no answer', async () => {
    expect((await answered('openai-chat', { chunks: [DONE] })).error).toMatchObject({ type: 'ConnectionLost' });
  });

  test('the last event may lack its empty line, and lines may end as on Windows', async () => {
    const chunks = [choice({ content: 'Yes.' }, 'stop').replaceAll('\n', '\r\n'), 'data: [DONE]'];
    expect((await answered('openai-chat', { chunks })).reply?.text).toBe('Yes.');
  });
});

describe('anything heard feeds the clock', () => {
  const slow = { pauseMs: 90, clocks: { firstTokenMs: 300, betweenTokensMs: 300 } };
  const pieces = ['{"path":"', ...Array.from({ length: 6 }, () => 'xx'), '"}'];
  test.each<[string, WireName, string[]]>([
    [
      'pieces of tool arguments',
      'openai-chat',
      [
        called({ index: 0, id: 'c', function: { name: 'look', arguments: '' } }),
        ...pieces.map((piece) => called({ index: 0, function: { arguments: piece } })),
        choice({}, 'tool_calls'),
        DONE,
      ],
    ],
    [
      'pieces of tool input',
      'anthropic',
      claude(CLAUDE_START, ...claudeTool(pieces), claudeEnd('tool_use'), { type: 'message_stop' }),
    ],
    ['comments', 'openai-chat', [...Array(7).fill(': working\n\n'), choice({ content: 'Yes.' }, 'stop'), DONE]],
    [
      'pings',
      'anthropic',
      [
        ...Array(7).fill(sse({ type: 'ping' })),
        ...claude(CLAUDE_START, ...claudeText('Yes.'), claudeEnd('end_turn'), { type: 'message_stop' }),
      ],
    ],
    ['comments', 'gemini', [...Array(7).fill(': \n\n'), gem([{ text: 'Yes.' }], { finishReason: 'STOP' })]],
    ['comments', 'openai-responses', [...Array(7).fill(':\n\n'), sse(delta('Yes.'), completed())]],
  ])('%s on %s', async (_what, wire, chunks) => {
    const { error, reply } = await answered(wire, { chunks, ...slow });
    expect(error).toBeUndefined();
    expect(reply?.text === 'Yes.' || reply?.toolCalls?.length === 1).toBe(true);
  });

  test('silence ends the call, and books what came', async () => {
    const chunks = [choice({ content: 'One ' }), choice({ content: 'two' })];
    const { error, partial } = await answered('openai-chat', { chunks, thenKeepOpen: KEEP_OPEN, clocks: CLOCKS });
    expect(error).toMatchObject({ type: 'Timeout', phase: 'betweenTokens' });
    expect(partial).toMatchObject({ text: 'One two', estimated: true });
  });

  test('a provider that began and says nothing in time has been given the input, which is booked', async () => {
    const chunks = [': thinking\n\n'];
    const { error, partial } = await answered('openai-chat', { chunks, thenKeepOpen: KEEP_OPEN, clocks: CLOCKS });
    expect(error).toMatchObject({ type: 'Timeout', phase: 'firstToken' });
    expect(partial).toMatchObject({ text: '', estimated: true, usage: { outputTokens: 0 } });
    expect(partial!.usage.inputTokens).toBeGreaterThan(0);
  });
});

describe('errors inside HTTP 200', () => {
  test.each<[string, WireName, string, Record<string, string>, string, string]>([
    [
      'as JSON',
      'anthropic',
      '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
      JSON_BODY,
      'Overloaded',
      'Overloaded',
    ],
    [
      'as JSON',
      'gemini',
      '{"error":{"code":429,"message":"Slow down","status":"RESOURCE_EXHAUSTED"}}',
      JSON_BODY,
      'RateLimited',
      'Slow down',
    ],
    [
      'in a list',
      'gemini',
      '[{"error":{"code":503,"message":"Down","status":"UNAVAILABLE"}}]',
      JSON_BODY,
      'Unavailable',
      'Down',
    ],
    [
      'as JSON',
      'openai-responses',
      '{"error":{"message":"No model x","code":"model_not_found"}}',
      JSON_BODY,
      'ModelNotFound',
      'No model x',
    ],
    [
      'of a quota',
      'openai-chat',
      '{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}',
      JSON_BODY,
      'QuotaExhausted',
      'quota',
    ],
    ['as a text', 'openai-chat', '{"error":"model \\"x\\" not found"}', JSON_BODY, 'ModelNotFound', 'not found'],
    [
      'of MiniMax',
      'openai-chat',
      '{"base_resp":{"status_code":1002,"status_msg":"rate limit, retry in 3s"},"choices":null}',
      JSON_BODY,
      'RateLimited',
      'rate limit',
    ],
    [
      'flat, as an event',
      'openai-chat',
      sse({ object: 'error', message: 'Worker died', type: 'InternalServerError', code: 500 }),
      {},
      'Unavailable',
      'Worker died',
    ],
    [
      'named as an event',
      'openai-chat',
      'event: error\ndata: {"message":"Worker died","code":"server_error"}\n\n',
      {},
      'Unavailable',
      'Worker died',
    ],
    ['as words', 'openai-chat', 'data: upstream connect error\n\n', {}, 'Unavailable', 'upstream connect error'],
    [
      'as a page',
      'openai-chat',
      '<html><style>x</style><body><h1>Bad gateway</h1></body></html>',
      { 'content-type': 'text/html' },
      'Unavailable',
      'Bad gateway',
    ],
    [
      'without event lines',
      'anthropic',
      'data: {"type":"error","error":{"type":"rate_limit_error","message":"Wait"}}\n\n',
      {},
      'RateLimited',
      'Wait',
    ],
    ['by its finish reason', 'openai-chat', choice({}, 'error'), {}, 'Unavailable', 'error'],
    [
      'by DeepSeek’s finish reason',
      'openai-chat',
      choice({ content: 'x' }, 'insufficient_system_resource'),
      {},
      'Unavailable',
      'insufficient',
    ],
    [
      'as a blocked prompt',
      'gemini',
      sse({ promptFeedback: { blockReason: 'SAFETY' } }),
      {},
      'ContentFiltered',
      'SAFETY',
    ],
  ])('%s on %s', async (_what, wire, body, headers, type, says) => {
    const { error } = await answered(wire, { headers: { 'content-type': 'text/event-stream', ...headers }, body });
    expect(error?.type).toBe(type);
    expect(error?.message).toContain(says);
  });

  test('what a provider refuses before its first word is not paid', async () => {
    const body = sse({ error: { code: 'rate_limit_exceeded', message: 'Wait' } });
    expect((await answered('openai-chat', { body })).partial).toBeUndefined();
  });
});

describe('a whole answer instead of a stream', () => {
  const toolCalls = [{ id: 'a', type: 'function', function: { name: 'look', arguments: '{"n":1}' } }];
  test.each<[WireName, object]>([
    [
      'openai-chat',
      {
        choices: [{ message: { content: 'Yes.', tool_calls: toolCalls }, finish_reason: 'stop' }],
        usage: { prompt_tokens: 10, completion_tokens: 6 },
      },
    ],
    [
      'anthropic',
      {
        type: 'message',
        content: [
          { type: 'text', text: 'Yes.' },
          { type: 'tool_use', id: 'a', name: 'look', input: { n: 1 } },
        ],
        stop_reason: 'tool_use',
        usage: { input_tokens: 10, output_tokens: 6 },
      },
    ],
    [
      'gemini',
      [
        {
          candidates: [
            {
              content: { parts: [{ text: 'Yes.' }, { functionCall: { id: 'a', name: 'look', args: { n: 1 } } }] },
              finishReason: 'STOP',
            },
          ],
          usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 6 },
        },
      ],
    ],
    [
      'openai-responses',
      {
        status: 'completed',
        output: [
          { type: 'message', content: [{ type: 'output_text', text: 'Yes.' }] },
          { type: 'function_call', call_id: 'a', name: 'look', arguments: '{"n":1}' },
        ],
        usage: { input_tokens: 10, output_tokens: 6 },
      },
    ],
  ])('%s', async (wire, body) => {
    const { reply } = await answered(wire, { headers: JSON_BODY, body: JSON.stringify(body) });
    expect(reply).toMatchObject({
      text: 'Yes.',
      finishReason: 'toolCalls',
      toolCalls: [{ id: 'a', name: 'look', arguments: { n: 1 } }],
      usage: { inputTokens: 10, outputTokens: 6 },
    });
  });
});

describe('tool calls of Chat Completions', () => {
  const piece = (args: unknown, more: object = {}, name?: unknown) => ({
    ...more,
    function: { ...(name === undefined ? {} : { name }), arguments: args },
  });
  test.each<[string, unknown[], [string, string, object][]]>([
    [
      'no index, whole calls',
      [piece('{"n":1}', { id: 'a' }, 'f'), piece('{"n":2}', { id: 'b' }, 'g')],
      [
        ['a', 'f', { n: 1 }],
        ['b', 'g', { n: 2 }],
      ],
    ],
    [
      'index 0 for all, no ids',
      [piece('{"n":1}', { index: 0 }, 'f'), piece('{"n":2}', { index: 0 }, 'f')],
      [
        ['*', 'f', { n: 1 }],
        ['*', 'f', { n: 2 }],
      ],
    ],
    [
      'one id for all',
      [piece('{"n":1}', { index: 0, id: 'x' }, 'f'), piece('{"n":2}', { index: 1, id: 'x' }, 'f')],
      [
        ['x', 'f', { n: 1 }],
        ['*', 'f', { n: 2 }],
      ],
    ],
    [
      'id and name in every piece',
      [piece('{"n"', { index: 0, id: 'a' }, 'f'), piece(':1}', { index: 0, id: 'a' }, 'f')],
      [['a', 'f', { n: 1 }]],
    ],
    [
      'name in every piece, no id',
      [piece('{"n"', { index: 0 }, 'f'), piece(':1}', { index: 0 }, 'f')],
      [['*', 'f', { n: 1 }]],
    ],
    [
      'a name in two pieces',
      [piece('', { index: 0, id: 'a' }, 'get_'), piece('', { index: 0 }, 'f'), piece('{}', { index: 0 })],
      [['a', 'get_f', {}]],
    ],
    ['arguments as an object', [piece({ n: 1 }, { index: 0, id: 'a' }, 'f')], [['a', 'f', { n: 1 }]]],
    ['arguments encoded twice', [piece('"{\\"n\\":1}"', { index: 0, id: 'a' }, 'f')], [['a', 'f', { n: 1 }]]],
    ['no arguments', [piece(undefined, { index: 0, id: 'a' }, 'f')], [['a', 'f', {}]]],
    [
      'a placeholder before',
      [piece('{}', { index: 0, id: 'a' }, 'f'), piece('{"n":', { index: 0 }), piece('1}', { index: 0 })],
      [['a', 'f', { n: 1 }]],
    ],
    [
      'the whole once more after',
      [piece('{"n":', { index: 0, id: 'a' }, 'f'), piece('1}', { index: 0 }), piece('{"n":1}', { index: 0 })],
      [['a', 'f', { n: 1 }]],
    ],
    [
      'an empty piece after',
      [piece('{"n":1}', { index: 0, id: 'a' }, 'f'), piece('', { index: 0, id: '' }, '')],
      [['a', 'f', { n: 1 }]],
    ],
    [
      'pieces of two calls mixed',
      [
        piece('{"n"', { index: 0, id: 'a' }, 'f'),
        piece('{"m"', { index: 1, id: 'b' }, 'g'),
        piece(':1}', { index: 0 }),
        piece(':2}', { index: 1 }),
      ],
      [
        ['a', 'f', { n: 1 }],
        ['b', 'g', { m: 2 }],
      ],
    ],
    ['an id of nothing', [piece('{"n":1}', { index: 0, id: '' }, 'f')], [['*', 'f', { n: 1 }]]],
  ])('%s', async (_what, pieces, calls) => {
    const { reply } = await answered('openai-chat', {
      chunks: [...pieces.map((one) => called(one)), choice({}, 'stop'), DONE],
    });
    expect(reply?.finishReason).toBe('toolCalls');
    expect(reply?.toolCalls?.map((call) => [call.name, call.arguments])).toEqual(
      calls.map(([, name, args]) => [name, args]),
    );
    for (const [index, [id]] of calls.entries()) if (id !== '*') expect(reply?.toolCalls?.[index]?.id).toBe(id);
    expect(new Set(reply?.toolCalls?.map(({ id }) => id)).size).toBe(calls.length);
  });

  test('the one function of old servers', async () => {
    const chunks = [
      choice({ function_call: { name: 'f', arguments: '{"n":' } }),
      choice({ function_call: { arguments: '1}' } }),
      choice({}, 'function_call'),
      DONE,
    ];
    expect((await answered('openai-chat', { chunks })).reply?.toolCalls).toMatchObject([
      { name: 'f', arguments: { n: 1 } },
    ]);
  });
});

describe('tool calls that cannot be made', () => {
  test.each<[WireName, string[]]>([
    [
      'openai-chat',
      [
        called({ index: 0, id: 'a', function: { name: 'look', arguments: '{"n":' } }),
        choice({}, 'tool_calls'),
        sse({ choices: [], usage: { prompt_tokens: 10, completion_tokens: 6 } }),
        DONE,
      ],
    ],
    ['anthropic', claude(CLAUDE_START, ...claudeTool(['{"n":']), claudeEnd('tool_use'), { type: 'message_stop' })],
    [
      'openai-responses',
      [
        sse(
          {
            type: 'response.output_item.done',
            output_index: 0,
            item: { type: 'function_call', call_id: 'a', name: 'look', arguments: '{"n":' },
          },
          completed(),
        ),
      ],
    ],
    [
      'gemini',
      [
        gem(
          [{ functionCall: { name: 'look', args: {} } }],
          { finishReason: 'UNEXPECTED_TOOL_CALL' },
          { promptTokenCount: 10, candidatesTokenCount: 6 },
        ),
      ],
    ],
  ])('%s: InvalidOutput, and its usage is booked as told', async (wire, chunks) => {
    const { error, partial, reply } = await answered(wire, { chunks });
    expect(reply).toBeUndefined();
    expect(error?.type).toBe('InvalidOutput');
    expect(partial).toMatchObject({ estimated: false, usage: { inputTokens: 10, outputTokens: 6 } });
  });

  test.each<[WireName, string[]]>([
    [
      'openai-chat',
      [called({ index: 0, id: 'a', function: { name: 'look', arguments: '{"n":' } }), choice({}, 'length'), DONE],
    ],
    [
      'anthropic',
      claude(CLAUDE_START, ...claudeTool(['{"n":'], 0, false), claudeEnd('max_tokens'), { type: 'message_stop' }),
    ],
    [
      'openai-responses',
      [
        sse(
          {
            type: 'response.output_item.added',
            output_index: 0,
            item: { type: 'function_call', call_id: 'a', name: 'look', arguments: '' },
          },
          { type: 'response.function_call_arguments.delta', output_index: 0, delta: '{"n":' },
          {
            ...completed({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } }),
            type: 'response.incomplete',
          },
        ),
      ],
    ],
  ])('%s: one that the token limit cut is length, and not made', async (wire, chunks) => {
    const { reply } = await answered(wire, { chunks });
    expect(reply).toMatchObject({ finishReason: 'length' });
    expect(reply?.toolCalls).toBeUndefined();
  });
});

describe('thoughts are not the answer', () => {
  test.each<[string, string[], string, string]>([
    ['<think>, cut anywhere', ['<th', 'ink>\nHm', 'm.</t', 'hink>\n\nYes.'], 'Yes.', 'Hmm.'],
    ['<thinking>', ['<thinking>Hmm.</thinking>Yes.'], 'Yes.', 'Hmm.'],
    ['an empty block', ['<think>\n\n</think>\n\nYes.'], 'Yes.', ''],
    ['an answer about the mark', ['Use <think>x</think> so.'], 'Use <think>x</think> so.', ''],
    ['no block', ['  <b>Yes.</b>'], '  <b>Yes.</b>', ''],
  ])('%s', async (_what, texts, text, reasoning) => {
    const chunks = [...texts.map((content) => choice({ content })), choice({}, 'stop'), DONE];
    const { reply } = await answered('openai-chat', { chunks });
    expect(reply?.text.trim()).toBe(text.trim());
    expect(reply?.reasoning?.trim() ?? '').toBe(reasoning);
  });

  test.each<[string, object[]]>([
    ['reasoning', [{ reasoning: 'Hmm.' }]],
    ['reasoning_content', [{ reasoning_content: 'Hmm.' }]],
    ['reasoning_details', [{ reasoning_details: [{ type: 'reasoning.text', text: 'Hmm.' }] }]],
    [
      'both, as OpenRouter does',
      [{ reasoning: 'Hmm.', reasoning_details: [{ type: 'reasoning.text', text: 'Hmm.' }] }],
    ],
    ['parts', [{ content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'Hmm.' }] }] }]],
  ])('in %s', async (_what, deltas) => {
    const chunks = [
      ...deltas.map((one) => choice(one)),
      choice({ content: [{ type: 'text', text: 'Yes.' }] }, 'stop'),
      DONE,
    ];
    expect((await answered('openai-chat', { chunks })).reply).toMatchObject({ text: 'Yes.', reasoning: 'Hmm.' });
  });

  test.each<[string, string, object]>([
    ['only the closing mark', 'So {"n":2}?\n</think>\n{"n":1}', { n: 1 }],
    ['a fence between words', 'Here:\n```json\n{"n":1}\n```\nAs asked.', { n: 1 }],
    ['words around', 'The answer is {"n":1}, as asked.', { n: 1 }],
    ['a fence that never closes', '```json\n{"n":1}', { n: 1 }],
    ['JSON written as a JSON text', '"{\\"n\\":1}"', { n: 1 }],
    ['braces before', 'With {curly} braces: {"n":1}', { n: 1 }],
    ['a byte order mark', '\uFEFF{"n":1}', { n: 1 }],
    ['marks inside, which are left alone', '{"n":1,"say":"<think>x</think>"}', { n: 1, say: '<think>x</think>' }],
  ])('JSON with %s', async (_what, content, object) => {
    const schema = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] };
    const { reply } = await answered('openai-chat', {
      chunks: [choice({ content }, 'stop'), DONE],
      request: { schema },
    });
    expect(reply?.object).toEqual(object);
  });
});

describe('usage, wherever it is told', () => {
  const chat = (usage: object, more: object = {}) => [
    choice({ content: 'Yes.' }, 'stop'),
    sse({ choices: [], usage, ...more }),
    DONE,
  ];
  test.each<[string, WireName, string[], object]>([
    [
      'Moonshot: in the choice',
      'openai-chat',
      [
        choice({ content: 'Yes.' }),
        sse({
          choices: [
            {
              index: 0,
              delta: {},
              finish_reason: 'stop',
              usage: { prompt_tokens: 9, completion_tokens: 2, cached_tokens: 4 },
            },
          ],
        }),
        DONE,
      ],
      { inputTokens: 9, outputTokens: 2, cachedInputTokens: 4 },
    ],
    [
      'Groq: under x_groq',
      'openai-chat',
      [
        choice({ content: 'Yes.' }),
        choice({}, 'stop', { x_groq: { usage: { prompt_tokens: 9, completion_tokens: 2 } } }),
        DONE,
      ],
      { inputTokens: 9, outputTokens: 2 },
    ],
    [
      'cumulative in every event',
      'openai-chat',
      [
        choice({ content: 'Y' }, null, { usage: { prompt_tokens: 9, completion_tokens: 1 } }),
        choice({ content: 'es.' }, 'stop', { usage: { prompt_tokens: 9, completion_tokens: 2 } }),
        DONE,
      ],
      { inputTokens: 9, outputTokens: 2 },
    ],
    [
      'gateways to Anthropic: cached input beside',
      'openai-chat',
      chat({ prompt_tokens: 10, completion_tokens: 2, total_tokens: 112, cache_read_input_tokens: 100 }),
      { inputTokens: 110, outputTokens: 2, cachedInputTokens: 100 },
    ],
    [
      'gateways to Anthropic: cached input inside',
      'openai-chat',
      chat({
        prompt_tokens: 110,
        completion_tokens: 2,
        total_tokens: 112,
        cache_read_input_tokens: 100,
        cache_creation_input_tokens: 5,
      }),
      { inputTokens: 110, cachedInputTokens: 100, cacheWriteTokens: 5 },
    ],
    [
      'Gemini’s compatible endpoint: thoughts only in the total',
      'openai-chat',
      chat({ prompt_tokens: 10, completion_tokens: 2, total_tokens: 62 }),
      { inputTokens: 10, outputTokens: 52, reasoningTokens: 50 },
    ],
    [
      'reasoning inside',
      'openai-chat',
      chat({
        prompt_tokens: 10,
        completion_tokens: 60,
        total_tokens: 70,
        completion_tokens_details: { reasoning_tokens: 50 },
      }),
      { outputTokens: 60, reasoningTokens: 50 },
    ],
    [
      'nothing but reasoning',
      'openai-chat',
      chat({
        prompt_tokens: 21,
        completion_tokens: 0,
        total_tokens: 81,
        completion_tokens_details: { reasoning_tokens: 60 },
      }),
      { inputTokens: 21, outputTokens: 60, reasoningTokens: 60 },
    ],
    [
      'nulls',
      'openai-chat',
      chat({ prompt_tokens: 10, completion_tokens: 2, prompt_tokens_details: null, completion_tokens_details: null }),
      { inputTokens: 10, outputTokens: 2 },
    ],
    [
      'Gemini: thoughts and tool prompts',
      'gemini',
      [
        gem(
          [{ text: 'Yes.' }],
          { finishReason: 'STOP' },
          {
            promptTokenCount: 10,
            toolUsePromptTokenCount: 5,
            candidatesTokenCount: 2,
            thoughtsTokenCount: 30,
            totalTokenCount: 47,
          },
        ),
      ],
      { inputTokens: 15, outputTokens: 32, reasoningTokens: 30 },
    ],
    [
      'Anthropic: all in the last event',
      'anthropic',
      claude(
        { type: 'message_start', message: { content: [], usage: { input_tokens: 0, output_tokens: 0 } } },
        ...claudeText('Yes.'),
        {
          type: 'message_delta',
          delta: { stop_reason: 'end_turn' },
          usage: { input_tokens: 10, output_tokens: 6, cache_read_input_tokens: 90 },
        },
        { type: 'message_stop' },
      ),
      { inputTokens: 100, outputTokens: 6, cachedInputTokens: 90 },
    ],
  ])('%s', async (_what, wire, chunks, usage) => {
    const { reply } = await answered(wire, { chunks });
    expect(reply?.usage).toMatchObject(usage);
    expect(reply?.estimated).toBeUndefined();
  });

  const unknown: [string, WireName, string[]][] = [
    ['none', 'openai-chat', [choice({ content: 'Two words' }, 'stop'), DONE]],
    [
      'zeros',
      'openai-chat',
      [
        choice({ content: 'Two words' }, 'stop'),
        sse({ choices: [], usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 } }),
        DONE,
      ],
    ],
    ['none', 'gemini', [gem([{ text: 'Two words' }], { finishReason: 'STOP' })]],
    [
      'zeros',
      'anthropic',
      claude(
        { type: 'message_start', message: { content: [], usage: { input_tokens: 0, output_tokens: 0 } } },
        ...claudeText('Two words'),
        claudeEnd('end_turn', 0),
        { type: 'message_stop' },
      ),
    ],
    [
      'none',
      'anthropic',
      claude(
        { type: 'message_start', message: { content: [] } },
        ...claudeText('Two words'),
        { type: 'message_delta', delta: { stop_reason: 'end_turn' } },
        { type: 'message_stop' },
      ),
    ],
    ['none', 'openai-responses', [sse(delta('Two words'), completed({ usage: null }))]],
  ];
  test.each(unknown)('%s on %s: estimated, and marked so', async (_what, wire, chunks) => {
    const { reply } = await answered(wire, { chunks });
    expect(reply).toMatchObject({ text: 'Two words', estimated: true, usage: { outputTokens: 2 } });
    expect(reply!.usage.inputTokens).toBeGreaterThan(0);
  });

  test('what Anthropic told before a cut is used, the rest estimated', async () => {
    const chunks = claude(CLAUDE_START, ...claudeText('Two words'));
    const { partial } = await answered('anthropic', { chunks, thenBreak: true });
    expect(partial).toMatchObject({ estimated: true, usage: { inputTokens: 10, outputTokens: 2 } });
  });
});

describe('a wait, wherever it is told', () => {
  const later = (ms: number) => new Date(Date.now() + ms).toISOString();
  test.each<[string, string, Record<string, string>, number]>([
    ['1m20s in the sentence', 'Please try again in 1m20s.', {}, 80_000],
    ['ms in the sentence', 'Please try again in 250ms.', {}, 250],
    ['Azure', 'Please retry after 20 seconds. Please go here', {}, 20_000],
    ['hours and minutes', 'Rate limited, try again in 1h2m3.5s', {}, 3_723_500],
    ['words', 'Please wait 2 minutes and 5 seconds before retrying', {}, 125_000],
    ['retry-after wins over the sentence', 'try again in 9s', { 'retry-after': '3' }, 3_000],
    ['retry-after-ms', 'slow', { 'retry-after-ms': '1500' }, 1_500],
    [
      'the limit that is used up',
      'slow',
      {
        'x-ratelimit-remaining-requests': '0',
        'x-ratelimit-reset-requests': '1m12s',
        'x-ratelimit-remaining-tokens': '9',
        'x-ratelimit-reset-tokens': '6m0s',
      },
      72_000,
    ],
    ['seconds of a reset', 'slow', { 'x-ratelimit-reset': '7' }, 7_000],
  ])('%s', async (_what, message, headers, ms) => {
    const { error } = await answered('openai-chat', {
      status: 429,
      headers: { ...JSON_BODY, ...headers },
      body: JSON.stringify({ error: { message } }),
    });
    expect(error).toMatchObject({ type: 'RateLimited', retryAfterMs: ms });
  });

  test.each<[string, WireName, object, (at: string) => Record<string, string>]>([
    [
      'a date of Anthropic’s limits',
      'anthropic',
      { type: 'error', error: { type: 'rate_limit_error', message: 'x' } },
      (at) => ({ 'anthropic-ratelimit-requests-remaining': '0', 'anthropic-ratelimit-requests-reset': at }),
    ],
    [
      'an HTTP date',
      'gemini',
      { error: { code: 429, message: 'x' } },
      (at) => ({ 'retry-after': new Date(at).toUTCString() }),
    ],
    [
      'an epoch in ms, as OpenRouter tells',
      'openai-chat',
      { error: { message: 'x', code: 429 } },
      (at) => ({ 'x-ratelimit-reset': String(Date.parse(at)) }),
    ],
  ])('%s', async (_what, wire, body, headers) => {
    const { error } = await answered(wire, {
      status: 429,
      headers: { ...JSON_BODY, ...headers(later(60_000)) },
      body: JSON.stringify(body),
    });
    expect(error?.type).toBe('RateLimited');
    expect(error!.retryAfterMs).toBeGreaterThan(40_000);
    expect(error!.retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  test('Google’s retryDelay', async () => {
    const body = JSON.stringify({
      error: {
        code: 429,
        message: 'x',
        status: 'RESOURCE_EXHAUSTED',
        details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '37s' }],
      },
    });
    expect((await answered('gemini', { status: 429, headers: JSON_BODY, body })).error).toMatchObject({
      type: 'RateLimited',
      retryAfterMs: 37_000,
    });
  });
});

describe('too long, in the words of', () => {
  test.each<[string, number, string]>([
    ['OpenAI', 400, 'Your input exceeds the context window of this model. Please adjust your input and try again.'],
    ['Azure', 400, "This model's maximum context length is 8192 tokens, however you requested 9000 tokens"],
    ['Anthropic', 400, 'prompt is too long: 212345 tokens > 200000 maximum'],
    ['Bedrock', 400, 'Input is too long for requested model.'],
    ['Bedrock, nova', 400, 'Too many input tokens. Max input tokens: 300000, request input token count: 400000'],
    ['Google', 400, 'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).'],
    ['Cohere', 400, 'too many tokens: size limit exceeded by 1200 tokens. Try using shorter or fewer inputs.'],
    ['Mistral', 400, 'Prompt contains 40000 tokens, too large for model with 32768 maximum context length'],
    ['DeepSeek', 400, "This model's maximum context length is 65536 tokens. However, you requested 70000 tokens"],
    [
      'Together',
      422,
      'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. Given: 5000 `inputs` tokens and 512 `max_new_tokens`',
    ],
    ['Fireworks', 400, 'The prompt is too long: 140000, model maximum context length: 131071'],
    [
      'vLLM',
      400,
      'The decoder prompt (length 40000) is longer than the maximum model length of 32768. Make sure that `max_model_len` is no smaller',
    ],
    ['SGLang', 400, "The input (40000 tokens) is longer than the model's context length (32768 tokens)."],
    [
      'LM Studio',
      400,
      'Trying to keep the first 9000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens',
    ],
    ['Ollama', 400, 'input length exceeds maximum context length'],
    ['Groq', 413, 'Request Entity Too Large'],
    ['Groq', 400, 'Please reduce the length of the messages or completion.'],
    ['Zhipu', 400, 'Prompt 超长, 请缩短'],
  ])('%s (%i)', async (_vendor, status, message) => {
    const { error } = await answered('openai-chat', {
      status,
      headers: JSON_BODY,
      body: JSON.stringify({ error: { message } }),
    });
    expect(error?.type).toBe('ContextTooLong');
    expect(error?.permanent).toBeUndefined();
  });

  test.each<[string, number, string, string]>([
    ['a limit on images', 400, 'image exceeds 5 MB maximum: 6291456 bytes > 5242880 bytes', 'InvalidRequest'],
    [
      'max_tokens',
      400,
      'max_tokens is too large: 200000. This model supports at most 16384 completion tokens, whereas you provided 200000.',
      'InvalidRequest',
    ],
    [
      'max_tokens of Anthropic',
      400,
      'max_tokens: 200000 > 64000, which is the maximum allowed number of output tokens for claude-sonnet-4-5',
      'InvalidRequest',
    ],
    ['too many requests', 429, 'Too many tokens, please wait before trying again.', 'RateLimited'],
    [
      'an acceleration limit',
      429,
      'This request would exceed your organization’s rate limit of 30,000 input tokens per minute',
      'RateLimited',
    ],
  ])('but not %s', async (_what, status, message, type) => {
    const { error } = await answered('openai-chat', {
      status,
      headers: JSON_BODY,
      body: JSON.stringify({ error: { message } }),
    });
    expect(error?.type).toBe(type);
  });

  test.each<[string, number, string]>([
    ['Groq', 413, 'Request too large for model `x` on tokens per minute (TPM): Limit 12000, Requested 14137'],
    [
      'OpenAI',
      429,
      'Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 61337. The input or output tokens must be reduced in order to run successfully.',
    ],
    ['another', 429, 'Rate limit reached on tokens per minute: Limit 10,000, Requested 12,500.'],
  ])('too large for the minute: %s, never again at this model', async (_vendor, status, message) => {
    const body = JSON.stringify({ error: { message, code: 'rate_limit_exceeded' } });
    const { error } = await answered('openai-chat', { status, headers: JSON_BODY, body });
    expect(error).toMatchObject({ type: 'ContextTooLong', permanent: true });
  });
});

test.each<[string, WireName, number, Record<string, string>, string, string, string]>([
  [
    'what OpenRouter was told by the provider behind it',
    'openai-chat',
    400,
    JSON_BODY,
    JSON.stringify({
      error: {
        message: 'Provider returned error',
        code: 400,
        metadata: { raw: '{"error":{"message":"prompt is too long: 9 > 8"}}', provider_name: 'Anthropic' },
      },
    }),
    'ContextTooLong',
    'prompt is too long',
  ],
  [
    'a page of a proxy',
    'openai-chat',
    502,
    { 'content-type': 'text/html' },
    '<html><style>b{}</style><h1>Bad gateway</h1></html>',
    'Unavailable',
    'Bad gateway',
  ],
  [
    'Amazon’s __type',
    'openai-chat',
    400,
    JSON_BODY,
    '{"__type":"ThrottlingException","message":"Slow"}',
    'RateLimited',
    'Slow',
  ],
  [
    'a quota of nothing',
    'gemini',
    429,
    JSON_BODY,
    '{"error":{"code":429,"message":"Quota exceeded for metric: free_tier_requests, limit: 0, model: x","status":"RESOURCE_EXHAUSTED"}}',
    'QuotaExhausted',
    'limit: 0',
  ],
])('an error is read from %s', async (_what, wire, status, headers, body, type, says) => {
  const { error } = await answered(wire, { status, headers, body });
  expect(error?.type).toBe(type);
  expect(error?.message).toContain(says);
  expect(error?.message).not.toContain('<');
});

test('a NUL and half an emoji of a model are stored as they are told', async () => {
  const chunks = [
    choice({ content: 'a\0b\ud83d' }),
    called({ index: 0, id: 'a', function: { name: 'look', arguments: '{"n":"\\u0000\\ud83d"}' } }),
    choice({}, 'tool_calls'),
    DONE,
  ];
  const { reply } = await answered('openai-chat', { chunks });
  expect(reply).toMatchObject({ text: 'a\uFFFDb\uFFFD', toolCalls: [{ arguments: { n: '\uFFFD\uFFFD' } }] });
});

test('what is told twice, in pieces and whole, is taken once', async () => {
  const item = { type: 'function_call', id: 'f', call_id: 'a', name: 'look', arguments: '{"n":1}' };
  const thought = { type: 'reasoning', id: 'r', encrypted_content: 'sealed' };
  const message = { type: 'message', id: 'm', content: [{ type: 'output_text', text: 'Yes.' }] };
  const events = [
    { type: 'response.output_item.done', output_index: 0, item: thought },
    // A gateway that leaves the places out.
    { type: 'response.output_text.delta', delta: 'Yes.' },
    { type: 'response.output_item.done', output_index: 2, item },
    completed({ output: [thought, message, item] }),
  ];
  const { reply } = await answered('openai-responses', { chunks: [sse(...events)] });
  expect(reply?.text).toBe('Yes.');
  expect(reply?.toolCalls).toMatchObject([{ id: 'a' }]);
  expect(reply!.toolCalls![0]!.signature!.split('sealed')).toHaveLength(2);
});

test('a server error that also tells its limits names no wait', async () => {
  const headers = { ...JSON_BODY, 'x-ratelimit-reset-tokens': '6m0s' };
  const { error } = await answered('openai-chat', { status: 500, headers, body: '{"error":{"message":"Oops"}}' });
  expect(error).toMatchObject({ type: 'Unavailable', retryAfterMs: undefined });
});

test('a name that is too long is no text that is too long', async () => {
  const error = { message: 'string too long', code: 'string_above_max_length', param: 'tools[0].function.name' };
  const body = JSON.stringify({ error });
  expect((await answered('openai-chat', { status: 400, headers: JSON_BODY, body })).error?.type).toBe('InvalidRequest');
});

test('a turn of commentary and a tool call keeps the commentary out of the text', async () => {
  const item = { type: 'message', phase: 'commentary' };
  const events = [
    { type: 'response.output_item.added', output_index: 0, item },
    delta('I will look.'),
    {
      type: 'response.output_item.added',
      output_index: 1,
      item: { type: 'function_call', call_id: 'a', name: 'look', arguments: '' },
    },
    {
      type: 'response.output_item.done',
      output_index: 1,
      item: { type: 'function_call', call_id: 'a', name: 'look', arguments: '{"n":1}' },
    },
    completed(),
  ];
  const { reply } = await answered('openai-responses', { chunks: [sse(...events)] });
  expect(reply).toMatchObject({ text: '', reasoning: 'I will look.', toolCalls: [{ id: 'a', arguments: { n: 1 } }] });
});
