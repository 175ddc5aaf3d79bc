import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** What the provider enforces, in any window of this length. */
export interface Enforced {
  requests: number;
  /** of input and output together */
  tokens: number;
  windowMs: number;
}

/** A request as it came. */
export interface Arrival {
  /** ms since 1970 */
  at: number;
  prompt: string;
  tokens: number;
  /** 200 or 429 */
  status: number;
}

export interface EnforcingProvider {
  url: string;
  arrivals: Arrival[];
  stop(): Promise<void>;
}

/** How an answer to a prompt comes. */
export interface Answered {
  outputTokens: number;
  /** ms until it is whole */
  takesMs: number;
}

/** Tokens of every prompt, as the provider counts them. */
const INPUT_TOKENS = 25;

/**
 * A provider that speaks Chat Completions and enforces its limits strictly, by sliding windows: a request is refused with 429 where, with it,
 * more than the limit had arrived within any window. Tokens are counted twice over, and either count refuses: all of a request when it
 * arrives, as some providers count, and its output when it has been said, as others do.
 */
export async function enforcingProvider(
  limits: Enforced,
  answer: (prompt: string) => Answered,
): Promise<EnforcingProvider> {
  const arrivals: Arrival[] = [];
  /** what counts, and since when */
  let atArrival: { at: number; requests: number; tokens: number }[] = [];
  let asSaid: { at: number; tokens: number }[] = [];
  const tokensOf = (counted: { tokens: number }[]) => counted.reduce((sum, { tokens }) => sum + tokens, 0);

  const server = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    if (request.method !== 'POST') return void response.writeHead(404).end();
    const at = performance.now();
    const { model, messages } = JSON.parse(body) as { model: string; messages: { content: string }[] };
    const prompt = String(messages.at(-1)!.content);
    const { outputTokens, takesMs } = answer(prompt);
    const tokens = INPUT_TOKENS + outputTokens;
    atArrival = atArrival.filter((one) => one.at > at - limits.windowMs);
    asSaid = asSaid.filter((one) => one.at > at - limits.windowMs);
    const isOver =
      atArrival.length + 1 > limits.requests ||
      tokensOf(atArrival) + tokens > limits.tokens ||
      tokensOf(asSaid) + INPUT_TOKENS > limits.tokens;
    arrivals.push({ at: Date.now(), prompt, tokens, status: isOver ? 429 : 200 });
    if (isOver) {
      response.writeHead(429, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { message: 'Rate limit reached', type: 'rate_limit_error' } }));
      return;
    }
    atArrival.push({ at, requests: 1, tokens });
    asSaid.push({ at, tokens: INPUT_TOKENS });
    await delay(takesMs);
    asSaid.push({ at: performance.now(), tokens: outputTokens });
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const chunk = (delta: object, reason: string | null, usage?: object) =>
      `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', model, choices: [{ index: 0, delta, finish_reason: reason }], usage })}\n\n`;
    response.write(chunk({ role: 'assistant', content: `answer to: ${prompt}` }, null));
    const usage = { prompt_tokens: INPUT_TOKENS, completion_tokens: outputTokens, total_tokens: tokens };
    response.end(`${chunk({}, 'stop', usage)}data: [DONE]\n\n`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    arrivals,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** How far requests came out of the order of their numbers: for each, how many that should have come after it came before. */
export function displacements(numbers: number[]): number[] {
  return numbers.map((number, index) => numbers.slice(0, index).filter((earlier) => earlier > number).length);
}
