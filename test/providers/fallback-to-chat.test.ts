import { afterEach, expect, test } from '@jest/globals';
import { openAi } from '../../src/providers/openai.ts';
import { type Peer, scriptedPeer, sse } from './peer.ts';
import { all, ask, failureOf, start, textOf } from './wires.ts';

let peer: Peer | undefined;
afterEach(async () => peer?.stop());

const chat = sse({ choices: [{ index: 0, delta: { content: 'Hi' }, finish_reason: 'stop' }] }, '[DONE]');

test('an endpoint without /responses is spoken to by Chat Completions from then on', async () => {
  peer = await scriptedPeer((_incoming, response, { path }) => {
    if (path === '/v1/responses') return void response.writeHead(404).end('404 page not found');
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(chat);
  });
  const wire = openAi({ name: 'openai', apiKey: 'key', baseUrl: peer.url });
  for (let call = 0; call < 2; call++) expect(textOf(await all(start(wire, 'llama3', ask('Hi'))))).toBe('Hi');
  expect(peer.sent.map((sent) => sent.path)).toEqual(['/v1/responses', '/v1/chat/completions', '/v1/chat/completions']);
});

test('an unknown model is no reason to speak differently', async () => {
  peer = await scriptedPeer((_incoming, response) => {
    const error = {
      code: 'model_not_found',
      message: 'The model `gpt-7` does not exist',
      type: 'invalid_request_error',
    };
    response.writeHead(404, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
  });
  const wire = openAi({ name: 'openai', apiKey: 'key', baseUrl: peer.url });
  const error = await failureOf(all(start(wire, 'gpt-7', ask('Hi'))));
  expect(wire.asCallError(error, 'gpt-7').type).toBe('ModelNotFound');
  expect(peer.sent.map((sent) => sent.path)).toEqual(['/v1/responses']);
});
