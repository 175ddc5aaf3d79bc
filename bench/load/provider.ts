import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * The provider all contenders ask, in a process of its own: OpenAI's Responses API, each answer so many words at an even
 * pace, each stream by a clock of its own that does not drift.
 *
 *   provider.ts <tokens> <tokens a second>
 */
const [tokens, rate] = process.argv.slice(2).map(Number) as [number, number];
let answers = 0;

const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    speak(response, `r${++answers}`);
  });
});

function speak(response: ServerResponse, id: string): void {
  const send = (type: string, fields: object) =>
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`);
  const item = { type: 'message', id: `m-${id}`, role: 'assistant', status: 'in_progress', content: [] };
  const began = performance.now();
  let said = 0;
  send('response.created', { response: { id, object: 'response', status: 'in_progress', output: [] } });
  send('response.output_item.added', { output_index: 0, item });
  const next = () => {
    send('response.output_text.delta', { item_id: item.id, output_index: 0, content_index: 0, delta: wordOf(said++) });
    if (said < tokens) setTimeout(next, Math.max(0, began + (said * 1000) / rate - performance.now()));
    else end();
  };
  const end = () => {
    const text = Array.from({ length: tokens }, (_, n) => wordOf(n)).join('');
    const content = [{ type: 'output_text', text, annotations: [] }];
    const usage = { input_tokens: 10, output_tokens: tokens, total_tokens: tokens + 10 };
    const output = [{ ...item, status: 'completed', content }];
    send('response.completed', { response: { id, object: 'response', status: 'completed', output, usage } });
    response.end();
  };
  next();
}

/** The client knows what it must have read. */
function wordOf(n: number): string {
  return `word${n} `;
}

server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
process.on('disconnect', () => process.exit(0));
