import { z } from '@hono/zod-openapi';
import type { RunEvent } from '../../contract/index.ts';
import type { GatewayApp, Surroundings } from '../app.ts';
import { route } from '../route.ts';
import { RunEvent as RunEventSchema, RunParams } from '../schemas.ts';

const Cursor = z.coerce.number().int().nonnegative();

const eventsRoute = route({
  may: 'read',
  method: 'get',
  path: '/v1/runs/{id}/events',
  tags: ['runs'],
  summary: 'The events of a run, live',
  description:
    'Server-sent events: `event:` is the name, `data:` the event as JSON, `id:` its number in the run. Ends after `run.completed`, `run.failed` or `run.cancelled`. When the `epoch` of a call rises, drop what you have of its text.',
  request: {
    params: RunParams,
    query: z.object({ after: Cursor.optional().openapi({ description: 'Begin after the event of this number' }) }),
    headers: z.object({
      'last-event-id': Cursor.optional().openapi({ description: 'The same, as browsers send it when they reconnect' }),
    }),
  },
  answers: {
    200: { description: 'The events', content: { 'text/event-stream': { schema: RunEventSchema } } },
    204: { description: 'The run has ended, and there are no events after this one' },
  },
});

export function addEventsRoute(app: GatewayApp, { log, heartbeatMs }: Surroundings): void {
  app.openapi(eventsRoute, async (c) => {
    const { id } = c.req.valid('param');
    const after = c.req.valid('header')['last-event-id'] ?? c.req.valid('query').after ?? 0;
    const closing = c.env?.closing;
    const reader = new AbortController();
    const signal = closing ? AbortSignal.any([reader.signal, closing]) : reader.signal;
    const { status, pages } = await c.var.client.follow(id, { after, signal });
    const read = pages[Symbol.asyncIterator]();
    // Of a run that has ended all is there, or there is nothing more to come: EventSource then asks no more.
    const first = status === 'running' ? undefined : await read.next();
    if (first?.done && !signal.aborted) return c.body(null, 204);
    const onError = (error: unknown) => {
      if (!signal.aborted) log.error({ err: error, runId: id, requestId: c.get('requestId') }, 'event stream broke');
    };
    c.header('X-Accel-Buffering', 'no');
    c.header('Content-Type', 'text/event-stream');
    c.header('Cache-Control', 'no-cache');
    return c.body(eventStream({ read, first, reader, closing, heartbeatMs, onError }));
  });
}

interface EventStream {
  read: AsyncIterator<RunEvent[]>;
  /** what was read already */
  first?: IteratorResult<RunEvent[]>;
  /** aborted when the reader goes away */
  reader: AbortController;
  closing?: AbortSignal;
  heartbeatMs: number;
  onError(error: unknown): void;
}

/** A page is one piece, and so one write to the socket. The next one is only asked for when this one has left. */
function eventStream({ read, first, reader, closing, heartbeatMs, onError }: EventStream): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let ahead = first;
  let heartbeat: NodeJS.Timeout;
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        controller.enqueue(encoder.encode(': events follow\n\n'));
        heartbeat = setInterval(() => {
          if (controller.desiredSize === 0) controller.enqueue(encoder.encode(': still here\n\n'));
        }, heartbeatMs);
      },
      async pull(controller) {
        const page = ahead ?? (await read.next().catch(onError));
        ahead = undefined;
        if (page && !page.done && !reader.signal.aborted && !closing?.aborted) {
          controller.enqueue(encoder.encode(page.value.map(framed).join('')));
          return;
        }
        clearInterval(heartbeat);
        if (reader.signal.aborted) return;
        await read.return?.();
        if (closing?.aborted) controller.enqueue(encoder.encode(': the server is closing, reconnect\n\n'));
        controller.close();
      },
      async cancel() {
        clearInterval(heartbeat);
        reader.abort();
        await read.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

function framed(event: RunEvent): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\nid: ${event.seq}\n\n`;
}
