import { z } from '@hono/zod-openapi';
import * as contract from '../../contract/index.ts';
import type { GatewayApp, Surroundings } from '../app.ts';
import { linksOf } from '../links.ts';
import { json, route } from '../route.ts';
import { Answer, Links, RunParams, StartedRun } from '../schemas.ts';
import { unlessClosing } from '../serve.ts';

const tags = ['conversations'];

const NewMessage = contract.SendMessage.extend({
  id: contract.RunId.optional().describe('Names the message: sent again under the same id, it is answered as before'),
}).openapi('NewMessage', { example: { text: 'And why do they bend back?' } });

const TakenMessage = z
  .object({ id: z.string(), run: z.string(), taken: z.boolean().optional(), links: Links })
  .openapi('TakenMessage');

const sendRoute = route({
  may: 'start',
  method: 'post',
  path: '/v1/runs/{id}/messages',
  tags,
  summary: 'Give a conversation its next message, or an agent one that it reads at its next turn',
  description:
    'An agent does not answer by itself: the message is taken, with 202. In a conversation messages sent at once are answered one after the other. With `wait=false` the answer comes by the events: of the step whose `step.started` has this message.',
  request: {
    params: RunParams,
    query: z.object({
      wait: z.enum(['true', 'false']).default('true').openapi({ description: 'Whether to wait for the answer' }),
    }),
    headers: z.object({
      'idempotency-key': contract.RunId.optional().openapi({ description: 'The same as `id`, which wins' }),
    }),
    body: { required: true, content: { 'application/json': { schema: NewMessage } } },
  },
  answers: {
    200: json('The answer', Answer),
    202: json('The message was taken; its events are at links.events', TakenMessage),
  },
  refuses: ['conflict'],
});

const endRoute = route({
  may: 'start',
  method: 'post',
  path: '/v1/runs/{id}/end',
  tags,
  summary: 'End a conversation',
  description: 'The messages it has are answered first.',
  request: { params: RunParams },
  answers: {
    202: json('The conversation ends', StartedRun),
  },
  refuses: ['conflict'],
});

export function addMessageRoutes(app: GatewayApp, { links }: Surroundings): void {
  app.openapi(sendRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { text, id: given } = c.req.valid('json');
    const own = given ?? c.req.valid('header')['idempotency-key'];
    if ((await c.var.client.show(id)).pattern !== 'conversation') {
      const { taken } = await c.var.client.steer(id, text, { id: own });
      return c.json({ id: own ?? id, run: id, taken, links: linksOf({ id }, links) }, 202);
    }
    const sent = await c.var.client.say(id, text, { id: own });
    const answer = c.req.valid('query').wait === 'true' && (await unlessClosing(sent.answer(), c.env?.closing));
    if (answer) return c.json(answer, 200);
    const { events, ...rest } = linksOf({ id }, links);
    return c.json({ id: sent.id, run: id, links: { ...rest, events: `${events}?after=${sent.after}` } }, 202);
  });

  app.openapi(endRoute, async (c) => {
    const { id } = c.req.valid('param');
    await c.var.client.end(id);
    const { pattern, status } = await c.var.client.show(id);
    return c.json({ id, pattern, status, links: linksOf({ id }, links) }, 202);
  });
}
