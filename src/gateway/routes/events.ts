import { createRoute, z } from '@hono/zod-openapi';
import { streamSSE } from 'hono/streaming';
import type { GatewayApp, Surroundings } from '../app.ts';
import { refusals } from '../responses.ts';
import { RunEvent, RunParams } from '../schemas.ts';

const Cursor = z.coerce.number().int().nonnegative();

const eventsRoute = createRoute({
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
  responses: {
    200: { description: 'The events', content: { 'text/event-stream': { schema: RunEvent } } },
    204: { description: 'The run has ended, and there are no events after this one' },
    ...refusals.badRequest,
    ...refusals.unauthorized,
    ...refusals.notFound,
    ...refusals.unreachable,
  },
});

export function addEventsRoute(app: GatewayApp, { client, log, heartbeatMs }: Surroundings): void {
  app.openapi(eventsRoute, async (c) => {
    const { id } = c.req.valid('param');
    const after = c.req.valid('header')['last-event-id'] ?? c.req.valid('query').after ?? 0;
    const { status } = await client.show(id);
    c.header('X-Accel-Buffering', 'no');
    const reader = new AbortController();
    const signal = AbortSignal.any([reader.signal, c.env?.closing].filter((each) => each !== undefined));
    const events = client.events(id, { after, signal })[Symbol.asyncIterator]();
    // Of a run that has ended all is there, or there is nothing more to come: EventSource then asks no more.
    let next = status === 'running' ? undefined : await events.next();
    if (next?.done && !signal.aborted) return c.body(null, 204);
    return streamSSE(c, async (stream) => {
      stream.onAbort(() => reader.abort());
      const heartbeat = setInterval(() => void stream.write(': still here\n\n'), heartbeatMs);
      try {
        await stream.write(': events follow\n\n');
        for (next ??= await events.next(); !next.done; next = await events.next()) {
          const event = next.value;
          // Awaiting the write is the back-pressure: the next event is only asked for when this one has left.
          await stream.writeSSE({ event: event.type, id: String(event.seq), data: JSON.stringify(event) });
          if (signal.aborted) break;
        }
      } catch (error) {
        if (!signal.aborted) log.error({ err: error, runId: id, requestId: c.get('requestId') }, 'event stream broke');
      } finally {
        await events.return?.();
        clearInterval(heartbeat);
      }
      if (c.env?.closing?.aborted) await stream.write(': the server is closing, reconnect\n\n');
    });
  });
}
