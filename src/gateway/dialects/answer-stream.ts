import type { Context } from 'hono';
import type { GatewayEnv } from '../app.ts';
import { type Problem, ProblemError, problem, problemOf } from '../problem.ts';

/** How long an answer's first words are waited for before the response begins without them, ms: up to then what goes wrong
 *  has a status of its own. */
const FIRST_WORDS_MS = 5_000;

/** As in nginx: nobody gets to see it but the log. */
const CLIENT_LEFT = 499;

export interface AnswerStream {
  /** whole frames of server-sent events; throws what ends the answer early */
  frames: AsyncGenerator<string>;
  headers: Record<string, string>;
  /** keeps a silent connection open */
  idle: string;
  /** tells of an error after the response has begun */
  failed(problem: Problem): string;
  /** the client has gone */
  onLeft(): void;
  /** turns what was thrown into what may be told */
  refusalOf(thrown: unknown): unknown;
}

/**
 * An answer as it comes, each page of events one write; the next is only asked for once this one has left.
 * @throws what goes wrong before the first words
 */
export async function streamAnswer(c: Context<GatewayEnv>, stream: AnswerStream): Promise<Response> {
  const { frames, headers, idle, failed, onLeft, refusalOf } = stream;
  const { heartbeatMs, log } = c.var.surroundings;
  const client = c.req.raw.signal;
  const left = () => onLeft();
  client.addEventListener('abort', left);
  if (client.aborted) left();

  const first = frames.next();
  let grace: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    grace = setTimeout(() => resolve('late'), FIRST_WORDS_MS);
  });
  // What is thrown now is answered with its own status.
  const begun = await Promise.race([first, late])
    .catch((thrown: unknown) => {
      client.removeEventListener('abort', left);
      throw refusalOf(thrown);
    })
    .finally(() => clearTimeout(grace));

  const encoder = new TextEncoder();
  let ahead: Promise<IteratorResult<string>> | undefined = begun === 'late' ? first : Promise.resolve(begun);
  let heartbeat: NodeJS.Timeout;
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        if (begun === 'late') controller.enqueue(encoder.encode(idle));
        heartbeat = setInterval(() => {
          if (controller.desiredSize === 0) controller.enqueue(encoder.encode(idle));
        }, heartbeatMs);
      },
      async pull(controller) {
        for (;;) {
          const read = await (ahead ?? frames.next()).catch((thrown: unknown) => ({ done: true, value: told(thrown) }));
          ahead = undefined;
          if (client.aborted) return clearInterval(heartbeat);
          if (read.value) controller.enqueue(encoder.encode(read.value));
          if (read.done) return close(controller);
          // A page may hold nothing that is told.
          if (read.value) return;
        }
      },
      cancel() {
        clearInterval(heartbeat);
        client.removeEventListener('abort', left);
        onLeft();
      },
    },
    { highWaterMark: 0 },
  );

  function told(thrown: unknown): string {
    const found = problemOf(refusalOf(thrown));
    if (found.status >= 500 && !client.aborted) {
      log.error({ err: thrown, requestId: c.get('requestId') }, 'answer broke off');
    }
    return failed(found);
  }

  function close(controller: ReadableStreamDefaultController): void {
    clearInterval(heartbeat);
    client.removeEventListener('abort', left);
    controller.close();
  }

  return new Response(body, {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
      ...headers,
    },
  });
}

/** Waits for the whole of something, and lets it go where the client leaves before. */
export async function whileConnected<Value>(
  c: Context<GatewayEnv>,
  coming: Promise<Value>,
  onLeft: () => void,
): Promise<Value> {
  const client = c.req.raw.signal;
  if (client.aborted) onLeft();
  client.addEventListener('abort', onLeft);
  try {
    return await coming;
  } catch (thrown) {
    if (!client.aborted) throw thrown;
    throw new ProblemError(problem(CLIENT_LEFT, 'Cancelled', 'The client has left', 'Nobody waits for this answer.'));
  } finally {
    client.removeEventListener('abort', onLeft);
  }
}
