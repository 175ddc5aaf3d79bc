import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Pieces of an answer, and the pause before each, ms: so that kills hit calls at their beginning, middle and end. */
const PIECES = 4;
const PAUSE_MS = 15;

export interface StormProvider {
  url: string;
  /** when each prompt was asked, ms since 1970 */
  asked: ReadonlyMap<string, number[]>;
  stop(): void;
}

/** What is answered follows from what is asked, and from nothing else: a run's last answer tells its whole way. */
export function answerOf(prompt: string): string {
  return createHash('sha256').update(prompt).digest('hex').slice(0, 16);
}

/** OpenAI's Responses API on this machine. It counts what it is asked. */
export async function stormProvider(): Promise<StormProvider> {
  const asked = new Map<string, number[]>();
  const server = createServer(async (request, response) => {
    const prompt = promptOf(JSON.parse(await bodyOf(request)));
    asked.set(prompt, [...(asked.get(prompt) ?? []), Date.now()]);
    const text = answerOf(prompt);
    const send = (type: string, fields: object) =>
      response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`);
    const head = { id: 'r', object: 'response', status: 'in_progress', output: [] };
    const item = { type: 'message', id: 'm', role: 'assistant', status: 'in_progress', content: [] };
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    send('response.created', { response: head });
    send('response.output_item.added', { output_index: 0, item });
    for (let piece = 0; piece < PIECES; piece += 1) {
      await delay(PAUSE_MS);
      const delta = text.slice((piece * text.length) / PIECES, ((piece + 1) * text.length) / PIECES);
      send('response.output_text.delta', { item_id: 'm', output_index: 0, content_index: 0, delta });
    }
    const content = [{ type: 'output_text', text, annotations: [] }];
    const usage = { input_tokens: 10, output_tokens: PIECES, total_tokens: 10 + PIECES };
    const output = [{ ...item, status: 'completed', content }];
    send('response.completed', { response: { ...head, status: 'completed', output, usage } });
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const pieces = await Array.fromAsync(request as AsyncIterable<Buffer>);
  return Buffer.concat(pieces).toString();
}

/** What the user said last. */
function promptOf({ input }: { input: string | { content: string | { text: string }[] }[] }): string {
  if (typeof input === 'string') return input;
  const { content } = input.at(-1)!;
  return typeof content === 'string' ? content : content.map(({ text }) => text).join('');
}
