import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { CadenzaError, checked } from '../../client/errors.ts';
import type { GatewayApp, GatewayEnv, Surroundings } from '../app.ts';
import { assertPermitted, identitiesOf } from '../authorization.ts';
import { streamFrames } from '../frame-stream.ts';
import { DEFAULT_AGENT } from '../named-agents.ts';
import { problemOf } from '../problem.ts';
import { route } from '../route.ts';

/** What OpenAPI tells of it; `@ag-ui/core` has the whole, by which it is checked. */
const RunAgentInput = z
  .looseObject({
    threadId: z.string(),
    runId: z.string(),
    messages: z.array(z.looseObject({ id: z.string(), role: z.string() })),
    tools: z.array(z.looseObject({ name: z.string(), description: z.string() })).optional(),
    resume: z.array(z.looseObject({ interruptId: z.string(), status: z.enum(['resolved', 'cancelled']) })).optional(),
  })
  .openapi('RunAgentInput', {
    example: { threadId: 'thread-1', runId: 'run-1', messages: [{ id: 'm1', role: 'user', content: 'Hello' }] },
  });

const Cursor = z.coerce.number().int().nonnegative();

const about = {
  may: 'start' as const,
  method: 'post' as const,
  tags: ['agents'],
  description:
    'Server-sent events of AG-UI 1.0. The run is a run of Cadenza, `agui:<threadId>:<runId>`: asked again with the same ids it is answered as before, and with `Last-Event-ID` from there on. Where it waits for approvals it finishes with interrupts, which the next one resumes; where it waits for the client’s own tools, with their ids.',
  answers: {
    200: { description: 'The events', content: { 'text/event-stream': { schema: z.string() } } },
  },
  refuses: ['conflict' as const],
};
const request = {
  headers: z.object({ 'last-event-id': Cursor.optional() }),
  body: { required: true, content: { 'application/json': { schema: RunAgentInput } } },
} as const;

const defaultRoute = route({
  ...about,
  path: '/v1/agui',
  summary: 'Run the agent named default, for AG-UI clients',
  request,
});
const namedRoute = route({
  ...about,
  path: '/v1/agui/{agent}',
  summary: 'Run a named agent, for AG-UI clients',
  request: { ...request, params: z.object({ agent: z.string().openapi({ param: { name: 'agent', in: 'path' } }) }) },
});

export function addAgUiRoutes(app: GatewayApp, { agents, people, log }: Surroundings): void {
  async function answer(c: Context<GatewayEnv>, agent: string, given: unknown, after = 0): Promise<Response> {
    // Loaded with the first request: a gateway that nobody speaks AG-UI to does not wait for it.
    const [{ RunAgentInputSchema }, { answerFrames, answeringRun, framed }] = await Promise.all([
      import('@ag-ui/core/schemas'),
      import('../agui/answer.ts'),
    ]);
    const input = checked(RunAgentInputSchema, given, '') as never;
    const { client, caller } = c.var;
    const reader = new AbortController();
    const closing = c.env?.closing;
    const signal = closing ? AbortSignal.any([reader.signal, closing]) : reader.signal;
    const asked = {
      ...{ client, agents, agent, key: caller.key, after, signal },
      identities: identitiesOf(caller, people),
      assertMayApprove: () => assertPermitted(caller, 'approve'),
    };
    const stream = (frames: AsyncIterator<string>) =>
      streamFrames(c, {
        frames,
        leave: () => reader.abort(),
        onError: (error) => {
          if (!signal.aborted) log.error({ err: error, requestId: c.get('requestId') }, 'AG-UI stream broke');
        },
      });
    try {
      return stream(answerFrames(input, asked, await answeringRun(input, asked)));
    } catch (thrown) {
      // As the specification has it; other mistakes have a status of their own.
      if (!(thrown instanceof CadenzaError && thrown.error.path === 'resume')) throw thrown;
      const { detail, hint, errorType } = problemOf(thrown);
      const error = { type: 'RUN_ERROR' as const, message: `${detail}. ${hint}`, code: errorType };
      return stream(one(framed([error], 0)));
    }
  }

  app.openapi(
    defaultRoute,
    (c) => answer(c, DEFAULT_AGENT, c.req.valid('json'), c.req.valid('header')['last-event-id']) as never,
  );
  app.openapi(
    namedRoute,
    (c) => answer(c, c.req.valid('param').agent, c.req.valid('json'), c.req.valid('header')['last-event-id']) as never,
  );
}

async function* one(frame: string): AsyncGenerator<string> {
  yield frame;
}
