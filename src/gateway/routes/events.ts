import { z } from '@hono/zod-openapi';
import type { RunEvent } from '../../contract/index.ts';
import type { GatewayApp, Surroundings } from '../app.ts';
import { streamFrames } from '../frame-stream.ts';
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

export function addEventsRoute(app: GatewayApp, { log }: Surroundings): void {
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
    return streamFrames(c, {
      frames: framesOf(read, first),
      leave: () => reader.abort(),
      onError: (error) => {
        if (!signal.aborted) log.error({ err: error, runId: id, requestId: c.get('requestId') }, 'event stream broke');
      },
    });
  });
}

/** A page of events is one piece. @param first what was read already */
function framesOf(read: AsyncIterator<RunEvent[]>, first?: IteratorResult<RunEvent[]>): AsyncIterator<string> {
  let ahead = first;
  return {
    async next() {
      const page = ahead ?? (await read.next());
      ahead = undefined;
      return page.done ? page : { done: false, value: page.value.map(framed).join('') };
    },
    async return() {
      await read.return?.();
      return { done: true, value: undefined };
    },
  };
}

function framed(event: RunEvent): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\nid: ${event.seq}\n\n`;
}
