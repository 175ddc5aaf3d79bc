import { setTimeout as after } from 'node:timers/promises';
import { type McpRequestContext, ProtocolError, Server, type ServerContext } from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { Cadenza } from '../../client/cadenza.ts';
import { CadenzaError } from '../../client/errors.ts';
import { invalidRequest, type Log, type RunEvent, RunId, RunOptions } from '../../contract/index.ts';
import { unlessClosing } from '../serve.ts';
import { errorResult, resultOf, sentence, taskOf } from './run-task.ts';
import { runTools } from './run-tools.ts';

const TASKS = 'io.modelcontextprotocol/tasks';
const CLIENT_CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
/** In a call's `_meta`: the run's id and options, as `POST /v1/runs` has them. */
const RUN_OPTIONS = 'cadenza/run';
/** JSON-RPC 2.0, section 5.1. */
const INVALID_PARAMS = -32_602;
const METHOD_NOT_FOUND = -32_601;
const INTERNAL = -32_603;
/** How long a result waits for the events before it, ms. */
const LAST_EVENTS_MS = 1_000;
/** Longest single wait for a run's end, s. */
const WAIT_SECONDS = 50;

export interface McpServerOptions {
  client: Cadenza;
  /** the user's own, by name */
  workflows: string[];
  version: string;
  log: Log;
}

/** Who asks, and over what. */
export interface McpCaller {
  /** name of the API key */
  key?: string;
  /** aborts when this process closes: runs go on */
  closing?: AbortSignal;
}

const CallParams = z.looseObject({
  name: z.string(),
  arguments: z.record(z.string(), z.unknown()).default({}),
  task: z.looseObject({}).optional(),
});
type CallParams = z.infer<typeof CallParams>;

const Options = RunOptions.omit({ key: true }).extend({ id: RunId.optional() });
const TaskParams = z.looseObject({ taskId: z.string() });

/**
 * Patterns and workflows as tools of MCP. For a client that knows Tasks a run is a task; any other one waits for its result,
 * and hears of its progress meanwhile. Nothing is kept here: what a task is, its run knows.
 */
export function mcpServer(options: McpServerOptions, caller: McpCaller, { era }: McpRequestContext): Server {
  const { client, workflows, version, log } = options;
  const isModern = era === 'modern';
  const ofRevision = isModern
    ? { extensions: { [TASKS]: {} } }
    : { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } };
  const server = new Server(
    { name: 'cadenza', version },
    {
      capabilities: { tools: {}, ...ofRevision },
      instructions: 'Each tool starts a durable run. A run may take long: ask for a task, and come back with its id.',
    },
  );
  const tools = runTools(workflows);

  async function call(given: unknown, context: ServerContext): Promise<unknown> {
    const params = CallParams.parse(given);
    if (!tools.some(({ name }) => name === params.name))
      throw new ProtocolError(INVALID_PARAMS, `There is no tool ${params.name}`);
    try {
      const run = await started(params, context);
      if (!wantsTask(params, context)) return await awaited(run.id, context);
      const task = taskOf(await client.show(run.id), isModern);
      return isModern ? { resultType: 'task', ...task } : { task };
    } catch (thrown) {
      // The model that asked can mend its input; what is wrong here it cannot.
      if (thrown instanceof CadenzaError) return errorResult(thrown.error);
      throw internal(thrown);
    }
  }

  function started({ name, arguments: input }: CallParams, { mcpReq }: ServerContext) {
    const found = Options.safeParse((mcpReq._meta as Record<string, unknown> | undefined)?.[RUN_OPTIONS] ?? {});
    if (!found.success) throw new CadenzaError('InvalidRequest', invalidRequest(found.error, `_meta.${RUN_OPTIONS}`));
    return client.startUnchecked(name, input, { ...found.data, key: caller.key });
  }

  function wantsTask({ task }: CallParams, { mcpReq }: ServerContext): boolean {
    if (!isModern) return task !== undefined;
    const envelope = (mcpReq.envelope ?? {}) as Record<string, { extensions?: object } | undefined>;
    return Object.hasOwn(envelope[CLIENT_CAPABILITIES]?.extensions ?? {}, TASKS);
  }

  /** A client that takes its call back cancels the run; one that this process leaves for its end does not. */
  async function awaited(id: string, context: ServerContext): Promise<unknown> {
    const { signal } = context.mcpReq;
    const cancel = () =>
      void client.cancel(id).catch((error) => log.warn({ err: error, id }, 'a run could not be cancelled'));
    signal.addEventListener('abort', cancel, { once: true });
    const stop = new AbortController();
    const telling = progress(id, context, stop.signal).catch(() => {});
    try {
      const outcome = await ended(id, signal);
      // What was done is told before its result; the last events may be on their way.
      await Promise.race([telling, after(LAST_EVENTS_MS, undefined, { signal: stop.signal, ref: false })]);
      return outcome.status === 'completed' ? resultOf(outcome.result) : errorResult(outcome.error);
    } finally {
      signal.removeEventListener('abort', cancel);
      stop.abort();
      await telling;
    }
  }

  async function ended(id: string, signal: AbortSignal) {
    for (;;) {
      const outcome = await unlessClosing(client.outcome(id, WAIT_SECONDS), caller.closing);
      if (outcome === undefined) throw new ProtocolError(INTERNAL, `This server is closing. The run goes on: ${id}`);
      signal.throwIfAborted();
      if (outcome.status !== 'running') return outcome;
    }
  }

  async function progress(id: string, { mcpReq }: ServerContext, signal: AbortSignal): Promise<void> {
    const progressToken = mcpReq._meta?.progressToken;
    if (progressToken === undefined) return;
    for await (const event of client.events(id, { signal })) {
      const message = story(event);
      if (message === undefined) continue;
      await mcpReq.notify({
        method: 'notifications/progress',
        params: { progressToken, progress: event.seq, message },
      });
    }
  }

  function task(method: string, handle: (id: string, context: ServerContext) => Promise<unknown>): void {
    server.setRequestHandler(method, { params: TaskParams }, async ({ taskId }, context) => {
      try {
        return (await handle(taskId, context)) as never;
      } catch (thrown) {
        if (thrown instanceof CadenzaError) throw new ProtocolError(INVALID_PARAMS, sentence(thrown.error));
        throw internal(thrown);
      }
    });
  }

  function internal(thrown: unknown): unknown {
    if (thrown instanceof ProtocolError) return thrown;
    log.error({ err: thrown }, 'an MCP request could not be answered');
    return new ProtocolError(INTERNAL, 'The request could not be answered');
  }

  server.setRequestHandler('tools/list', () => ({ tools }) as never);
  if (isModern)
    server.setRequestHandler('tools/call', async (request, context) => (await call(request.params, context)) as never);
  else {
    // The SDK lets no tool of 2025-11-25 answer with a task, where it handles `tools/call` itself.
    server.fallbackRequestHandler = async ({ method, params }, context) => {
      if (method === 'tools/call') return (await call(params, context)) as never;
      throw new ProtocolError(METHOD_NOT_FOUND, `There is no ${method} here`);
    };
  }
  task('tasks/get', async (id) => {
    const run = await client.show(id);
    const told = taskOf(run, isModern);
    if (!isModern || run.status === 'running' || run.status === 'cancelled') return told;
    const outcome = await client.outcome(id);
    if (outcome.status === 'completed')
      return { ...told, result: { resultType: 'complete', ...resultOf(outcome.result) } };
    if (outcome.status === 'running') return { ...told, status: 'working' };
    return { ...told, error: { code: INTERNAL, message: sentence(outcome.error) } };
  });
  task('tasks/cancel', async (id) => {
    await client.cancel(id);
    return isModern ? {} : { ...taskOf(await client.show(id), false), status: 'cancelled' };
  });
  // Nothing is asked of a task's client; an answer to nothing is taken, as the specification has it.
  if (isModern) task('tasks/update', async () => ({}));
  else {
    task('tasks/result', async (id, { mcpReq }) => {
      const outcome = await ended(id, mcpReq.signal);
      const result = outcome.status === 'completed' ? resultOf(outcome.result) : errorResult(outcome.error);
      return { ...result, _meta: { 'io.modelcontextprotocol/related-task': { taskId: id } } };
    });
    server.setRequestHandler(
      'tasks/list',
      { params: z.looseObject({ cursor: z.string().optional() }).optional() },
      async (page) => {
        const { runs, nextCursor } = await client.list({ cursor: page?.cursor });
        return { tasks: runs.map((run) => taskOf(run, false)), ...(nextCursor && { nextCursor }) } as never;
      },
    );
  }
  return server;
}

/** What of a run's events somebody who waits for it wants to hear. */
function story(event: RunEvent): string | undefined {
  switch (event.type) {
    case 'step.started':
      return `step ${event.step}`;
    case 'call.completed':
      return `${event.model} answered ${event.step}`;
    case 'call.fallback':
      return `${event.from} failed (${event.error.type}), asking ${event.to}`;
    case 'tool.started':
      return `tool ${event.tool}`;
    case 'approval.requested':
      return `waits for an approval: ${event.step}`;
    default:
      return undefined;
  }
}
