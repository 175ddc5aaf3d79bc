import { setTimeout as delay } from 'node:timers/promises';
import type { ProviderConfig } from '../../src/config/index.ts';
import { type Peer, type Sent, scriptedPeer, sse } from '../providers/peer.ts';

/** What a chat server does when it is asked. */
export interface ChatScript {
  /** sent one by one */
  words?: string[];
  /** ms between words */
  paceMs?: number;
  /** after the words: all is well, the connection breaks, or nothing more comes */
  end?: 'stop' | 'cut' | 'hang';
  /** instead of an answer */
  status?: number;
  retryAfter?: string;
  error?: string;
  finishReason?: string;
  /** asked for after the words */
  toolCalls?: { id: string; name: string; arguments: object }[];
  /** called when all words are sent */
  onEnd?(): void;
  /** called when whoever asked hangs up before the answer is whole */
  onHangUp?(): void;
}

export interface ChatPeer extends Peer {
  /** `provider/model` for policies: any model of the provider is answered */
  provider: ProviderConfig;
  /** bodies of requests whose messages hold the text */
  askedWith(text: string): Sent['body'][];
}

/** A server that speaks Chat Completions, and answers each request as the script says. Each word is a token. */
export async function chatPeer(
  script: (prompt: string, nth: number, body: Sent['body']) => ChatScript | Promise<ChatScript>,
): Promise<ChatPeer> {
  const counts = new Map<string, number>();
  const peer = await scriptedPeer(async (_, response, { method, body }) => {
    if (method === 'GET') {
      // it has no list of its models
      response.writeHead(404).end();
      return;
    }
    const prompt = String(body.messages.at(-1).content);
    const nth = (counts.get(prompt) ?? 0) + 1;
    counts.set(prompt, nth);
    const plan = await script(prompt, nth, body);
    if (plan.status) {
      response.writeHead(plan.status, {
        'content-type': 'application/json',
        ...(plan.retryAfter === undefined ? {} : { 'retry-after': plan.retryAfter }),
      });
      response.end(JSON.stringify({ error: { message: plan.error ?? 'not now', type: 'server_error' } }));
      return;
    }
    const { toolCalls = [], paceMs = 0, end = 'stop' } = plan;
    const { words = toolCalls.length > 0 ? [] : ['fine'] } = plan;
    const { finishReason = toolCalls.length > 0 ? 'tool_calls' : 'stop' } = plan;
    response.on('close', () => response.writableEnded || plan.onHangUp?.());
    const chunk = (delta: object, reason: string | null = null) =>
      sse({
        id: 'c1',
        object: 'chat.completion.chunk',
        model: body.model,
        choices: [{ index: 0, delta, finish_reason: reason }],
      });
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(chunk({ role: 'assistant', content: '' }));
    for (const word of words) {
      if (response.destroyed) return;
      response.write(chunk({ content: word }));
      if (paceMs > 0) await delay(paceMs);
    }
    for (const [index, { id, name, arguments: args }] of toolCalls.entries()) {
      const called = { name, arguments: JSON.stringify(args) };
      response.write(chunk({ tool_calls: [{ index, id, type: 'function', function: called }] }));
    }
    plan.onEnd?.();
    if (end === 'hang') return;
    if (end === 'cut') {
      // What was said before arrives, and then no more.
      response.write(': cut\n\n', () => response.destroy());
      return;
    }
    const usage = { prompt_tokens: 20, completion_tokens: words.length, total_tokens: 20 + words.length };
    response.write(chunk({}, finishReason));
    response.end(sse({ id: 'c1', object: 'chat.completion.chunk', model: body.model, choices: [], usage }, '[DONE]'));
  });
  return {
    ...peer,
    provider: { kind: 'openai-compatible', baseUrl: peer.url, models: ['m', 'n'] },
    askedWith: (text) =>
      peer.sent.map(({ body }) => body).filter((body) => JSON.stringify(body.messages).includes(text)),
  };
}
