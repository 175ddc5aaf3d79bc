import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { refusal } from '../../client/errors.ts';
import type { AskInput, CallError, RunInfo } from '../../contract/index.ts';
import type { GatewayApp, GatewayEnv } from '../app.ts';
import type { Answered } from '../dialects/answered.ts';
import { openAiError, problemOfCall } from '../dialects/errors.ts';
import { ANSWER_HEADERS, answerOfRun, IdempotencyKey, openCall, runHeaders } from '../dialects/open-call.ts';
import {
  answeredResponse,
  type ResponseFrame,
  ResponseObject,
  responseObject,
} from '../dialects/openai-responses/answer.ts';
import { earlierOf } from '../dialects/openai-responses/earlier-response.ts';
import { askedOf, RESPONSES_PARAMS, ResponsesRequest, referencesOf } from '../dialects/openai-responses/request.ts';
import { responseEvents } from '../dialects/openai-responses/stream.ts';
import { makesAnswer, planAgain, planOf } from '../dialects/plan.ts';
import { respond } from '../dialects/respond.ts';
import { json, route } from '../route.ts';
import { RunParams } from '../schemas.ts';

const tags = ['compatible'];
const dialect = 'openai';
const PREFIX = 'resp_';
const IDLE = ': still here\n\n';
/** What a run that is told to stop may take, s. */
const STOPS_WITHIN_S = 5;

const answers = {
  200: {
    description: 'The response; with `stream` as events, as they come',
    headers: ANSWER_HEADERS,
    content: { 'application/json': { schema: ResponseObject }, 'text/event-stream': { schema: z.string() } },
  },
};

const createRoute = route({
  may: 'start',
  method: 'post',
  path: '/v1/responses',
  tags,
  summary: 'Answer an input, as OpenAI’s Responses do',
  description:
    'The response is a run, whose id it has. With `background` it goes on whether or not anybody waits, and is asked for by its id.',
  request: {
    headers: IdempotencyKey,
    body: { required: true, content: { 'application/json': { schema: ResponsesRequest } } },
  },
  answers,
  refuses: ['conflict', 'budget', 'unknownModel', 'provider'],
  dialect,
});

const showRoute = route({
  may: 'read',
  method: 'get',
  path: '/v1/responses/{id}',
  tags,
  summary: 'A response as far as it is, or its events from the beginning or a number on',
  request: {
    params: RunParams,
    query: z.object({
      stream: z.enum(['true', 'false']).optional(),
      starting_after: z.coerce
        .number()
        .int()
        .nonnegative()
        .optional()
        .openapi({ description: '`sequence_number` of the last event one has' }),
    }),
  },
  answers,
  dialect,
});

const cancelRoute = route({
  may: 'start',
  method: 'post',
  path: '/v1/responses/{id}/cancel',
  tags,
  summary: 'Stop a response',
  request: { params: RunParams },
  answers: { 200: json('The response, stopped', ResponseObject) },
  refuses: ['conflict'],
  dialect,
});

export function addResponsesRoutes(app: GatewayApp): void {
  app.openapi(createRoute, async (c) => {
    const request = c.req.valid('json');
    const { client } = c.var;
    const { before, referenced } = await earlierOf(client, request, referencesOf(request));
    const asked = askedOf(request, before, referenced);
    const plan = planOf(client.models, request.model, asked, RESPONSES_PARAMS);
    const metadata = request.metadata ?? undefined;
    const isBackground = request.background ?? false;
    const call = await openCall(c, { prefix: PREFIX, plan, params: RESPONSES_PARAMS, metadata, isBackground });
    const frame: ResponseFrame = {
      ...{ id: call.id, created: Math.floor(Date.now() / 1_000), model: request.model, asked, metadata },
      ...{ previous: request.previous_response_id ?? null, background: request.background },
    };
    if (isBackground && !request.stream) {
      call.abandon();
      return c.json(responseObject(frame, { status: 'queued', output: [] }), 200, runHeaders(call.runId)) as never;
    }
    const events = responseEvents(frame);
    return (await respond(
      c,
      { ...call, run: answerOfRun(c.var.client, call, plan) },
      {
        isStream: request.stream ?? false,
        params: RESPONSES_PARAMS,
        whole: (answer) => answeredResponse(frame, answer),
        frames: (pages) => events.frames(pages, isBackground),
        failed: events.failed,
        idle: IDLE,
      },
    )) as never;
  });

  app.openapi(showRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { stream, starting_after: after } = c.req.valid('query');
    const info = await shown(c, id);
    const { frame, plan } = await startedAs(c, id, info);
    if (stream !== 'true') return c.json(await current(c, info, frame, plan), 200, runHeaders(info.id)) as never;
    const reader = new AbortController();
    const { pages, status } = await c.var.client.follow(id, { signal: reader.signal });
    const run = answerOfRun(c.var.client, { id, pages, isOver: status !== 'running' }, plan);
    const events = responseEvents(frame, after);
    const call = { runId: info.id, run, abandon: () => reader.abort() };
    return (await respond(c, call, {
      isStream: true,
      params: RESPONSES_PARAMS,
      whole: (answer) => answeredResponse(frame, answer),
      frames: (pages) => events.frames(pages, true),
      failed: events.failed,
      idle: IDLE,
    })) as never;
  });

  app.openapi(cancelRoute, async (c) => {
    const { id } = c.req.valid('param');
    await shown(c, id);
    await c.var.client.cancel(id);
    await c.var.client.outcome(id, STOPS_WITHIN_S);
    const info = await shown(c, id);
    const { frame, plan } = await startedAs(c, id, info);
    return c.json(await current(c, info, frame, plan), 200) as never;
  });
}

/** @throws CadenzaError NotFound also for a run that makes no answer */
async function shown(c: Context<GatewayEnv>, id: string): Promise<RunInfo> {
  const info = await c.var.client.show(id);
  if (!makesAnswer(info)) throw refusal('NotFound', `No response with the id "${id}"`, { path: 'id' });
  return info;
}

type Started = { frame: ResponseFrame; plan: ReturnType<typeof planAgain> };

/** What a response was asked with, as far as Temporal still knows it. */
async function startedAs(c: Context<GatewayEnv>, id: string, info: RunInfo): Promise<Started> {
  const { input } = await c.var.client.input(info.id);
  const model = info.models.at(-1) ?? modelOf(input as AskInput);
  // What an agent is set up with stands in the config, and was not asked.
  const asked = info.pattern === 'agent' ? {} : (input as AskInput);
  const created = Math.floor(Date.parse(info.startedAt) / 1_000);
  const plan = planAgain(info.pattern, input, c.var.client.models.checksAnswers(input as AskInput));
  return { plan, frame: { id, created, model, asked, metadata: info.metadata } };
}

function modelOf({ policy, route: router }: AskInput): string {
  if (typeof policy === 'string') return policy;
  return policy?.candidates[0] ?? (typeof router === 'string' ? router : 'default');
}

/** A response as it stands. */
async function current(
  c: Context<GatewayEnv>,
  info: RunInfo,
  frame: ResponseFrame,
  plan: Started['plan'],
): Promise<ResponseObject> {
  if (info.status === 'running') return responseObject(frame, { status: 'in_progress', output: [] });
  const outcome = await c.var.client.outcome(info.id);
  if (outcome.status === 'completed') {
    const answer: Answered = { ...plan.answerOf(outcome.result), costUsd: info.costUsd };
    return answeredResponse(frame, answer);
  }
  if (outcome.status === 'running') return responseObject(frame, { status: 'in_progress', output: [] });
  if (outcome.status === 'cancelled') return responseObject(frame, { status: 'cancelled', output: [] });
  return responseObject(frame, { status: 'failed', output: [], error: errorOf(outcome.error) });
}

function errorOf(error: CallError): ResponseObject['error'] {
  const { code, message } = openAiError(problemOfCall(error, RESPONSES_PARAMS)).error;
  return { code, message };
}
