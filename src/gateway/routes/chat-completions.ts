import { z } from '@hono/zod-openapi';
import type { GatewayApp } from '../app.ts';
import { openAiError } from '../dialects/errors.ts';
import { ANSWER_HEADERS, answerOfRun, IdempotencyKey, openCall } from '../dialects/open-call.ts';
import { ChatCompletion, chatCompletion } from '../dialects/openai-chat/answer.ts';
import { askedOf, CHAT_PARAMS, ChatRequest } from '../dialects/openai-chat/request.ts';
import { chatChunks } from '../dialects/openai-chat/stream.ts';
import { planOf } from '../dialects/plan.ts';
import { respond } from '../dialects/respond.ts';
import { route } from '../route.ts';

const chatRoute = route({
  may: 'start',
  method: 'post',
  path: '/v1/chat/completions',
  tags: ['compatible'],
  summary: 'Answer a conversation, as OpenAI’s Chat Completions do',
  description:
    'The call is a run, whose id is the answer’s. With an `Idempotency-Key` a client that lost its connection gets the same answer again, and pays once; without one, its call ends with the connection.',
  request: {
    headers: IdempotencyKey,
    body: { required: true, content: { 'application/json': { schema: ChatRequest } } },
  },
  answers: {
    200: {
      description: 'The answer; with `stream` as chunks, as they come',
      headers: ANSWER_HEADERS,
      content: { 'application/json': { schema: ChatCompletion }, 'text/event-stream': { schema: z.string() } },
    },
  },
  refuses: ['conflict', 'budget', 'unknownModel', 'provider'],
  dialect: 'openai',
});

export function addChatCompletionsRoute(app: GatewayApp): void {
  app.openapi(chatRoute, async (c) => {
    const request = c.req.valid('json');
    const plan = planOf(c.var.client.models, request.model, askedOf(request), CHAT_PARAMS);
    const metadata = request.metadata ?? undefined;
    const call = await openCall(c, { prefix: 'chatcmpl-', plan, params: CHAT_PARAMS, metadata });
    const { id } = call;
    const created = Math.floor(Date.now() / 1_000);
    const includeUsage = request.stream_options?.include_usage ?? false;
    return (await respond(
      c,
      { ...call, run: answerOfRun(c.var.client, call, plan) },
      {
        isStream: request.stream ?? false,
        params: CHAT_PARAMS,
        whole: (answer) => chatCompletion(id, created, answer),
        frames: (pages) => chatChunks(pages, { id, created, model: request.model, includeUsage }),
        idle: ': still here\n\n',
        failed: (problem) => `data: ${JSON.stringify(openAiError(problem))}\n\n`,
      },
    )) as never;
  });
}
