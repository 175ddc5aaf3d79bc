import { once } from 'node:events';
import { afterEach, describe, expect, test } from '@jest/globals';
import { until } from '../setup/until.ts';
import { mockPeer, type Peer, type Reply, scriptedPeer, sse } from './peer.ts';
import { all, ask, callsOf, endOf, failureOf, start, textOf, WIRES } from './wires.ts';

let peer: Peer | undefined;
afterEach(async () => {
  await peer?.stop();
  peer = undefined;
});

const WEATHER = {
  name: 'weather',
  description: 'The weather of a town',
  parameters: {
    type: 'object',
    properties: { town: { type: 'string' } },
    required: ['town'],
    additionalProperties: false,
  },
};

describe.each(WIRES)('$name', ({ model, open, begun, broken }) => {
  const provider = async (reply: Reply, opts = {}) => {
    peer = await mockPeer(reply, opts);
    return open(peer.url);
  };

  test('passes an answer on piece by piece, opened first and ended last', async () => {
    const content = 'A quick brown fox jumps over the lazy dog, and then again.';
    const usage = { prompt_tokens: 11, completion_tokens: 7, input_tokens: 11, output_tokens: 7 };
    const chunks = await all(start(await provider({ content, usage }, { chunkSize: 5 }), model, ask('A fox?')));
    expect(chunks[0]).toMatchObject({ type: 'open', requestId: expect.any(String) });
    expect(chunks.filter((chunk) => chunk.type === 'text').length).toBeGreaterThan(5);
    expect(textOf(chunks)).toBe(content);
    expect(endOf(chunks)).toMatchObject({ finishReason: 'stop', usage: { inputTokens: 11, outputTokens: 7 } });
  });

  test('tells that it is open, and its first words, while the provider still speaks', async () => {
    const told: string[] = [];
    let goOn = () => {};
    peer = await scriptedPeer(async (_incoming, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'x-request-id': 'req_1', 'request-id': 'req_1' });
      response.flushHeaders();
      await new Promise<void>((heard) => {
        goOn = heard;
      });
      response.write(sse(...begun));
      // The answer never ends: what is told below is told before its end.
    });
    const signal = new AbortController();
    const stream = start(open(peer.url), model, ask('Hello?'), signal.signal)[Symbol.asyncIterator]();
    expect((await stream.next()).value).toEqual({ type: 'open', requestId: 'req_1' });
    goOn();
    let first = (await stream.next()).value;
    if (first.type === 'usage') first = (await stream.next()).value;
    told.push(first.text);
    expect(told).toEqual(['Hel']);
    signal.abort();
    await failureOf(stream.next());
  });

  test('a connection that dies half-way is ConnectionLost, not the end', async () => {
    peer = await scriptedPeer((_incoming, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(sse(...begun), () => response.destroy());
    });
    const wire = open(peer.url);
    const error = await failureOf(all(start(wire, model, ask('Hello?'))));
    expect(wire.asCallError(error, model)).toMatchObject({
      type: 'ConnectionLost',
      midStream: true,
      provider: wire.name,
      model,
    });
  });

  test('a stream that ends politely, but before the answer does, is ConnectionLost', async () => {
    peer = await scriptedPeer((_incoming, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(sse(...begun));
    });
    const wire = open(peer.url);
    const error = await failureOf(all(start(wire, model, ask('Hello?'))));
    expect(wire.asCallError(error, model)).toMatchObject({ type: 'ConnectionLost', midStream: true });
  });

  test('an error inside the stream is told as the provider calls it', async () => {
    peer = await scriptedPeer((_incoming, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(sse(...begun, broken));
    });
    const wire = open(peer.url);
    const chunks: string[] = [];
    const reading = (async () => {
      for await (const { type } of start(wire, model, ask('Hello?'))) if (type !== 'usage') chunks.push(type);
    })();
    const error = wire.asCallError(await failureOf(reading), model);
    expect(chunks).toEqual(['open', 'text']);
    expect(['Overloaded', 'Unavailable']).toContain(error.type);
    expect(error.message).toMatch(/crashed|verloaded/);
    expect(error.midStream).toBe(true);
  });

  test.each(['before the answer', 'within the answer'])(
    'an abort %s closes the socket and is Cancelled',
    async (when) => {
      let closed: Promise<unknown> | undefined;
      let arrived = () => {};
      const arrival = new Promise<void>((come) => {
        arrived = come;
      });
      peer = await scriptedPeer((incoming, response) => {
        closed = once(incoming.socket, 'close');
        if (when === 'within the answer') {
          response.writeHead(200, { 'content-type': 'text/event-stream' });
          response.write(sse(...begun));
        }
        arrived();
      });
      const wire = open(peer.url);
      const abort = new AbortController();
      const reading = (async () => {
        for await (const chunk of start(wire, model, ask('Hello?'), abort.signal))
          if (chunk.type === 'text') abort.abort();
      })();
      const failed = failureOf(reading);
      await arrival;
      if (when === 'before the answer') abort.abort();
      expect(wire.asCallError(await failed, model).type).toBe('Cancelled');
      await closed;
    },
  );

  test('a stream that ended leaves its connection to the next call', async () => {
    const wire = await provider({ content: 'Yes.' });
    let calls = 0;
    // A call may begin before the end of the body before it is read: it opens another connection, but not each one does.
    await until(async () => {
      await all(start(wire, model, ask('Hello?')));
      return peer!.connections() < ++calls || undefined;
    });
  });

  test('a reader that stops early closes the socket', async () => {
    let closed: Promise<unknown> | undefined;
    peer = await scriptedPeer((incoming, response) => {
      closed = once(incoming.socket, 'close');
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(sse(...begun));
    });
    for await (const chunk of start(open(peer.url), model, ask('Hello?'))) if (chunk.type === 'text') break;
    await closed;
  });

  test('sends system, earlier turns and images', async () => {
    const wire = await provider({ content: 'A cat.' });
    await all(
      start(wire, model, {
        system: 'Be brief.',
        messages: [
          { role: 'user', content: 'Hello' },
          { role: 'assistant', content: 'Hello yourself' },
          {
            role: 'user',
            content: [
              { type: 'text', text: 'What is this?' },
              { type: 'image', mediaType: 'image/png', data: 'aW1hZ2U=' },
              { type: 'image', url: 'https://example.com/cat.webp' },
            ],
          },
        ],
      }),
    );
    const body = JSON.stringify(peer!.sent[0]!.body);
    for (const said of [
      'Be brief.',
      'Hello yourself',
      'What is this?',
      'aW1hZ2U=',
      'image/png',
      'https://example.com/cat.webp',
    ]) {
      expect(body).toContain(said);
    }
  });

  test('parallel tool calls come whole, and their results go back to them', async () => {
    const wire = await provider((request) =>
      request.messages.some((message) => message.role === 'tool')
        ? { content: 'Rain in both.' }
        : {
            toolCalls: [
              { id: 'call_a', name: 'weather', arguments: '{"town":"Paris"}' },
              { id: 'call_b', name: 'weather', arguments: '{"town":"Rome"}' },
            ],
          },
    );
    const request = ask('Weather in Paris and Rome?', { tools: [WEATHER] });
    const chunks = await all(start(wire, model, request));
    const calls = callsOf(chunks);
    expect(calls.map((call) => [call.name, call.arguments])).toEqual([
      ['weather', { town: 'Paris' }],
      ['weather', { town: 'Rome' }],
    ]);
    expect(new Set(calls.map((call) => call.id)).size).toBe(2);
    expect(endOf(chunks).finishReason).toBe('toolCalls');

    const answered = await all(
      start(wire, model, {
        ...request,
        messages: [
          ...request.messages,
          { role: 'assistant', content: calls },
          ...calls.map(({ id, name: tool, arguments: { town } }) => ({
            role: 'tool' as const,
            content: [{ type: 'toolResult' as const, id, name: tool, content: `rain in ${town}` }],
          })),
        ],
      }),
    );
    expect(textOf(answered)).toBe('Rain in both.');
    const body = JSON.stringify(peer!.sent[1]!.body);
    expect(body).toContain('rain in Paris');
    expect(body).toContain('rain in Rome');
    for (const { id } of calls) expect(body.split(id).length - 1).toBe(2);
  });

  test('lists what the endpoint offers', async () => {
    peer = await scriptedPeer((_incoming, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({
          data: [{ id: 'one' }, { id: 'two' }],
          has_more: false,
          models: [{ name: 'models/one' }, { name: 'models/two' }],
        }),
      );
    });
    expect(await open(peer.url).listModels(new AbortController().signal)).toEqual(['one', 'two']);
  });
});
