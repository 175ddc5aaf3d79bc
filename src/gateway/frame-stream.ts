import type { Context } from 'hono';
import type { GatewayEnv } from './app.ts';

export interface FrameStream {
  /** whole frames of server-sent events, as many as there are at once */
  frames: AsyncIterator<string>;
  /** called when the reader goes away: whoever makes the frames need make no more */
  leave(): void;
  onError(error: unknown): void;
}

/**
 * An answer of server-sent events. What comes together is one write to the socket, and the next is only asked for when it
 * has left: a slow reader holds up nobody. A server that closes ends the stream: its reader asks again, elsewhere.
 */
export function streamFrames(c: Context<GatewayEnv>, { frames, leave, onError }: FrameStream): Response {
  const { heartbeatMs } = c.var.surroundings;
  const closing = c.env?.closing;
  const encoder = new TextEncoder();
  let heartbeat: NodeJS.Timeout;
  let left = false;
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        controller.enqueue(encoder.encode(': events follow\n\n'));
        heartbeat = setInterval(() => {
          if (controller.desiredSize === 0) controller.enqueue(encoder.encode(': still here\n\n'));
        }, heartbeatMs);
      },
      async pull(controller) {
        const next = await frames.next().catch(onError);
        if (next && !next.done && !left && !closing?.aborted) {
          controller.enqueue(encoder.encode(next.value));
          return;
        }
        clearInterval(heartbeat);
        if (left) return;
        await frames.return?.();
        if (closing?.aborted) controller.enqueue(encoder.encode(': the server is closing, reconnect\n\n'));
        controller.close();
      },
      async cancel() {
        clearInterval(heartbeat);
        left = true;
        leave();
        await frames.return?.();
      },
    },
    { highWaterMark: 0 },
  );
  c.header('X-Accel-Buffering', 'no');
  c.header('Content-Type', 'text/event-stream');
  c.header('Cache-Control', 'no-cache');
  return c.body(body);
}
