import type { ServerResponse } from 'node:http';
import { wordEmbeddings } from '../../src/providers/sandbox-embeddings.ts';
import { type Peer, type Sent, scriptedPeer, sse } from '../providers/peer.ts';

/** A provider on this machine that makes vectors of words, and answers questions over passages as a test says. */
export interface Library extends Peer {
  /** how often each text was embedded, counting only requests that were answered */
  embedded: Map<string, number>;
  /** requests for vectors, as they came: sizes */
  batches: number[];
  /** what the model says next, in JSON, to each request: given its last message and how many there were before; `toolCall`:
   *  it uses a tool instead */
  says: (prompt: string, nth: number) => object | { toolCall: { name: string; arguments: object } };
  /** holds back the vectors of request n (from 1) until what it returns is kept */
  hold?: (nth: number) => Promise<void> | undefined;
  /** what stands at an address below `/pages/`: status, media type, text */
  pages: (path: string) => [status: number, type: string, text: string] | undefined;
  /** instead of vectors */
  refuse?: (nth: number) => number | undefined;
}

export async function library(): Promise<Library> {
  let answers = 0;
  const peer = await scriptedPeer(async (_, response, { path, body }) => {
    if (path.endsWith('/embeddings')) return embed(body, response);
    if (path.startsWith('/pages/')) {
      const [status, type, content] = made.pages(path) ?? [404, 'text/plain', 'not here'];
      response.writeHead(status, { 'content-type': type });
      return void response.end(content);
    }
    answers += 1;
    return answer(body, response, answers - 1);
  });
  const made: Library = { ...peer, embedded: new Map(), batches: [], says: () => ({}), pages: () => undefined };
  return made;

  async function embed(body: Sent['body'], response: ServerResponse): Promise<void> {
    const texts = body.input as string[];
    const nth = made.batches.push(texts.length);
    const status = made.refuse?.(nth);
    if (status !== undefined) {
      response.writeHead(status, { 'content-type': 'application/json' });
      return void response.end(JSON.stringify({ error: { message: 'not now', type: 'server_error' } }));
    }
    await made.hold?.(nth);
    if (response.destroyed) return;
    const { vectors } = wordEmbeddings({ model: 'words', texts, signal: new AbortController().signal });
    const data = vectors.map((embedding, index) => ({ object: 'embedding', index, embedding }));
    for (const text of texts) made.embedded.set(text, (made.embedded.get(text) ?? 0) + 1);
    response.writeHead(200, { 'content-type': 'application/json' });
    const usage = { prompt_tokens: 10 * texts.length, total_tokens: 10 * texts.length };
    response.end(JSON.stringify({ object: 'list', model: body.model, data, usage }));
  }

  function answer(body: Sent['body'], response: ServerResponse, nth: number): void {
    const said = made.says(String(body.messages.at(-1).content), nth);
    const delta =
      'toolCall' in said ? toolCallDelta(said.toolCall) : { role: 'assistant', content: JSON.stringify(said) };
    const head = { id: 'c1', object: 'chat.completion.chunk', model: body.model };
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(sse({ ...head, choices: [{ index: 0, delta, finish_reason: null }] }));
    response.write(
      sse({ ...head, choices: [{ index: 0, delta: {}, finish_reason: 'toolCall' in said ? 'tool_calls' : 'stop' }] }),
    );
    const usage = { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 };
    response.end(sse({ ...head, choices: [], usage }, '[DONE]'));
  }
}

function toolCallDelta({ name, arguments: args }: { name: string; arguments: object }) {
  const call = { index: 0, id: 'call_1', type: 'function', function: { name, arguments: JSON.stringify(args) } };
  return { role: 'assistant', tool_calls: [call] };
}
