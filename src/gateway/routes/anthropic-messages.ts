import { z } from '@hono/zod-openapi';
import type { GatewayApp } from '../app.ts';
import { AnthropicAnswer, anthropicAnswer } from '../dialects/anthropic/answer.ts';
import { askedOf, MESSAGES_PARAMS, MessagesRequest } from '../dialects/anthropic/request.ts';
import { messageEvents } from '../dialects/anthropic/stream.ts';
import { anthropicError } from '../dialects/errors.ts';
import { ANSWER_HEADERS, answerOfRun, IdempotencyKey, openCall } from '../dialects/open-call.ts';
import { planOf } from '../dialects/plan.ts';
import { respond } from '../dialects/respond.ts';
import { route } from '../route.ts';

const messagesRoute = route({
  may: 'start',
  method: 'post',
  path: '/v1/messages',
  tags: ['compatible'],
  summary: 'Answer a conversation, as Anthropic’s Messages do',
  description:
    'The call is a run, whose id is the message’s. See `POST /v1/chat/completions` on what a lost connection costs.',
  request: {
    headers: IdempotencyKey,
    body: { required: true, content: { 'application/json': { schema: MessagesRequest } } },
  },
  answers: {
    200: {
      description: 'The answer; with `stream` as events, as they come',
      headers: ANSWER_HEADERS,
      content: { 'application/json': { schema: AnthropicAnswer }, 'text/event-stream': { schema: z.string() } },
    },
  },
  refuses: ['conflict', 'budget', 'unknownModel', 'provider'],
  dialect: 'anthropic',
});

export function addMessagesRoute(app: GatewayApp): void {
  app.openapi(messagesRoute, async (c) => {
    const request = c.req.valid('json');
    const plan = planOf(c.var.client.models, request.model, askedOf(request), MESSAGES_PARAMS);
    const call = await openCall(c, { prefix: 'msg_', plan, params: MESSAGES_PARAMS });
    const { id } = call;
    return (await respond(
      c,
      { ...call, run: answerOfRun(c.var.client, call, plan) },
      {
        isStream: request.stream ?? false,
        params: MESSAGES_PARAMS,
        whole: (answer) => anthropicAnswer(id, answer),
        frames: (pages) => messageEvents(pages, { id, model: request.model }),
        idle: 'event: ping\ndata: {"type":"ping"}\n\n',
        failed: (problem) => `event: error\ndata: ${JSON.stringify(anthropicError(problem))}\n\n`,
      },
    )) as never;
  });
}
