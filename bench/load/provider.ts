import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AT_LENGTH, wordOf } from './words.ts';

/**
 * The provider all contenders ask, in a process of its own: OpenAI's Responses API, each answer so many words at an even
 * pace, each stream by a clock of its own that does not drift. Asked to speak at length, its words are long: what sockets
 * hold of an answer is then little of it.
 *
 *   provider.ts <tokens> <tokens a second>
 */
const [tokens, rate] = process.argv.slice(2).map(Number) as [number, number];
let answers = 0;

const server = createServer((request, response) => {
  const asked: Buffer[] = [];
  request.on('data', (piece: Buffer) => asked.push(piece));
  request.on('end', () => {
    const isLong = Buffer.concat(asked).includes(AT_LENGTH);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    speak(response, `r${++answers}`, (n) => wordOf(n, isLong));
  });
});

function speak(response: ServerResponse, id: string, word: (n: number) => string): void {
  const send = (type: string, fields: object) =>
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`);
  const item = { type: 'message', id: `m-${id}`, role: 'assistant', status: 'in_progress', content: [] };
  const began = performance.now();
  let said = 0;
  send('response.created', { response: { id, object: 'response', status: 'in_progress', output: [] } });
  send('response.output_item.added', { output_index: 0, item });
  const next = () => {
    send('response.output_text.delta', { item_id: item.id, output_index: 0, content_index: 0, delta: word(said++) });
    if (said < tokens) setTimeout(next, Math.max(0, began + (said * 1000) / rate - performance.now()));
    else end();
  };
  const end = () => {
    const text = Array.from({ length: tokens }, (_, n) => word(n)).join('');
    const content = [{ type: 'output_text', text, annotations: [] }];
    const usage = { input_tokens: 10, output_tokens: tokens, total_tokens: tokens + 10 };
    const output = [{ ...item, status: 'completed', content }];
    send('response.completed', { response: { id, object: 'response', status: 'completed', output, usage } });
    response.end();
  };
  next();
}

server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
process.on('disconnect', () => process.exit(0));
