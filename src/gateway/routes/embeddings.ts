import { z } from '@hono/zod-openapi';
import type { EmbedResult } from '../../contract/index.ts';
import type { GatewayApp } from '../app.ts';
import { whileConnected } from '../dialects/answer-stream.ts';
import type { ParamNames } from '../dialects/errors.ts';
import {
  ANSWER_HEADERS,
  answerHeaders,
  asRefusal,
  IdempotencyKey,
  openCall,
  resultAfter,
} from '../dialects/open-call.ts';
import { noEffect, refused } from '../dialects/refused-fields.ts';
import { route } from '../route.ts';

const EmbeddingsRequest = z
  .strictObject({
    model: z.string().min(1).openapi({ example: 'sandbox/words' }),
    input: z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(2_048)], {
      error: 'The input is a text, or a list of texts that are not empty; lists of tokens are not supported here',
    }),
    encoding_format: z.enum(['float', 'base64']).nullish(),
    dimensions: refused('Vectors have the length their model gives them'),
    user: noEffect(z.string()),
  })
  .openapi('EmbeddingsRequest');

const Embeddings = z
  .object({
    object: z.literal('list'),
    model: z.string(),
    data: z.array(
      z.object({
        object: z.literal('embedding'),
        index: z.number().int(),
        embedding: z.union([z.array(z.number()), z.string()]),
      }),
    ),
    usage: z.object({
      prompt_tokens: z.number().int(),
      total_tokens: z.number().int(),
      cost_usd: z.number().nullable(),
    }),
  })
  .openapi('Embeddings');

const PARAMS: ParamNames = { model: 'model', texts: 'input' };

const embeddingsRoute = route({
  may: 'start',
  method: 'post',
  path: '/v1/embeddings',
  tags: ['compatible'],
  summary: 'Make vectors of texts, as OpenAI’s embeddings',
  description: 'The call is a run: `x-cadenza-run-id` names it.',
  request: {
    headers: IdempotencyKey,
    body: { required: true, content: { 'application/json': { schema: EmbeddingsRequest } } },
  },
  answers: {
    200: {
      description: 'The vectors',
      headers: ANSWER_HEADERS,
      content: { 'application/json': { schema: Embeddings } },
    },
  },
  refuses: ['conflict', 'budget', 'unknownModel', 'provider'],
  dialect: 'openai',
});

export function addEmbeddingsRoute(app: GatewayApp): void {
  app.openapi(embeddingsRoute, async (c) => {
    const { model: name, input, encoding_format: format } = c.req.valid('json');
    const { client } = c.var;
    const plan = {
      pattern: 'embed' as const,
      lane: 'direct' as const,
      input: { texts: typeof input === 'string' ? [input] : input, model: client.models.findEmbeddings(name) },
    };
    const call = await openCall(c, { prefix: 'emb-', plan, params: PARAMS });
    const embedded = whileConnected(c, resultAfter(client, call), call.abandon);
    const result = (await embedded.catch((thrown: unknown) => {
      throw asRefusal(thrown, PARAMS);
    })) as EmbedResult;
    const { costUsd } = result;
    const tokens = result.usage.inputTokens;
    const body: z.infer<typeof Embeddings> = {
      ...{ object: 'list', model: result.model },
      data: result.vectors.map((vector, index) => ({
        ...{ object: 'embedding', index },
        embedding: format === 'base64' ? vector : numbersOf(vector),
      })),
      usage: { prompt_tokens: tokens, total_tokens: tokens, cost_usd: costUsd },
    };
    return c.json(body, 200, answerHeaders(call.runId, result));
  });
}

function numbersOf(vector: string): number[] {
  const bytes = Buffer.from(vector, 'base64');
  return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4));
}
