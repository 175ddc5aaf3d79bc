import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * The provider all contenders ask, in a process of its own: OpenAI's Chat Completions and Responses, each answer at once and
 * in the same words. What it says is put together beforehand, so that it costs next to nothing.
 */
const WORDS = Array.from({ length: 16 }, (_, n) => `word${n} `);
const TEXT = WORDS.join('');
const USAGE = { prompt_tokens: 10, completion_tokens: WORDS.length, total_tokens: WORDS.length + 10 };
const USED = { input_tokens: 10, output_tokens: WORDS.length, total_tokens: WORDS.length + 10 };

const chat = { id: 'chatcmpl-1', created: 1, model: 'gpt-6-sol' };
const choice = (delta: object, finish_reason: string | null = null) => ({ index: 0, delta, finish_reason });
const chunk = (choices: object[], more: object = {}) =>
  `data: ${JSON.stringify({ ...chat, object: 'chat.completion.chunk', choices, ...more })}\n\n`;
const CHAT_STREAM = [
  chunk([choice({ role: 'assistant', content: '' })]),
  ...WORDS.map((content) => chunk([choice({ content })])),
  chunk([choice({}, 'stop')]),
  chunk([], { usage: USAGE }),
  'data: [DONE]\n\n',
];
const CHAT_WHOLE = JSON.stringify({
  ...{ ...chat, object: 'chat.completion', usage: USAGE },
  choices: [{ index: 0, message: { role: 'assistant', content: TEXT }, finish_reason: 'stop' }],
});

const said = (type: string, fields: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
const item = { type: 'message', id: 'm1', role: 'assistant', status: 'completed' };
const output = [{ ...item, content: [{ type: 'output_text', text: TEXT, annotations: [] }] }];
const response = { id: 'r1', object: 'response', model: 'gpt-6-sol' };
const RESPONSES_STREAM = [
  said('response.created', { response: { ...response, status: 'in_progress', output: [] } }),
  said('response.output_item.added', { output_index: 0, item: { ...item, status: 'in_progress', content: [] } }),
  ...WORDS.map((delta) =>
    said('response.output_text.delta', { item_id: 'm1', output_index: 0, content_index: 0, delta }),
  ),
  said('response.completed', { response: { ...response, status: 'completed', output, usage: USED } }),
];

const server = createServer((request, answer) => {
  const pieces: Buffer[] = [];
  request.on('data', (piece: Buffer) => pieces.push(piece));
  request.on('end', () => {
    const isStream = Buffer.concat(pieces).includes('"stream":true');
    if (request.url?.endsWith('/responses')) return stream(answer, RESPONSES_STREAM);
    if (isStream) return stream(answer, CHAT_STREAM);
    answer.writeHead(200, { 'content-type': 'application/json' }).end(CHAT_WHOLE);
  });
});

/** The first word leaves by itself, as a model's does. */
function stream(answer: ServerResponse, frames: string[]): void {
  answer.writeHead(200, { 'content-type': 'text/event-stream' });
  answer.write(frames.slice(0, 3).join(''));
  setImmediate(() => answer.end(frames.slice(3).join('')));
}

server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
process.on('disconnect', () => process.exit(0));
