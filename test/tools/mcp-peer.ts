import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { serve } from '@hono/node-server';
import {
  createMcpHandler,
  isLegacyRequest,
  type McpRequestContext,
  Server,
  type ServerContext,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { z } from 'zod';

/**
 * An MCP server of both revisions, that keeps its tasks and a list of all calls on disk, so that it may be killed:
 * `node mcp-peer.ts <folder> stdio` or `node mcp-peer.ts <folder> <port>`.
 */
const [folder = '', how = 'stdio'] = process.argv.slice(2);
const TASKS = 'io.modelcontextprotocol/tasks';

type CallParams = { name: string; arguments?: Record<string, unknown> };

interface Task {
  taskId: string;
  args: { ms?: number; text?: string; ask?: boolean };
  createdAt: number;
  answer?: unknown;
  cancelled?: boolean;
}

const TOOLS = [
  { name: 'note', description: 'Writes a note', inputSchema: object({ text: { type: 'string' } }) },
  { name: 'slow', description: 'Writes a note, slowly', inputSchema: object({ ms: { type: 'integer' } }) },
  {
    ...{ name: 'slow_read', description: 'Reads, slowly', inputSchema: object({ ms: { type: 'integer' } }) },
    annotations: { readOnlyHint: true },
  },
  { name: 'confirm', description: 'Asks before it writes', inputSchema: object({ text: { type: 'string' } }) },
  { name: 'refuse', description: 'Always fails', inputSchema: object({}) },
  {
    ...{ name: 'long', description: 'A task that takes its time', execution: { taskSupport: 'optional' as const } },
    inputSchema: object({ ms: { type: 'integer' }, text: { type: 'string' }, ask: { type: 'boolean' } }),
  },
];

const QUESTION = {
  method: 'elicitation/create' as const,
  params: { message: 'Really?', requestedSchema: object({ sure: { type: 'boolean' } }) },
};

function object(properties: Record<string, { type: 'string' | 'integer' | 'boolean' }>) {
  return { type: 'object' as const, properties };
}

function log(line: string): void {
  appendFileSync(path.join(folder, 'calls.log'), `${line}\n`);
}

function taskFile(taskId: string): string {
  return path.join(folder, `${taskId.replace(/\W/g, '')}.json`);
}

function save(task: Task): void {
  writeFileSync(taskFile(task.taskId), JSON.stringify(task));
}

function load(taskId: string): Task {
  if (!existsSync(taskFile(taskId))) throw Object.assign(new Error(`There is no task ${taskId}`), { code: -32_602 });
  return JSON.parse(readFileSync(taskFile(taskId), 'utf8')) as Task;
}

function statusOf({ args, createdAt, answer, cancelled }: Task) {
  if (cancelled) return 'cancelled';
  if (args.ask && answer === undefined) return 'input_required';
  return Date.now() >= createdAt + (args.ms ?? 0) ? 'completed' : 'working';
}

function text(value: string, isError = false) {
  return { content: [{ type: 'text' as const, text: value }], ...(isError && { isError }) };
}

function resultOf({ taskId, args, answer }: Task) {
  return text(`done ${taskId}: ${args.text ?? ''}${answer === undefined ? '' : ` ${JSON.stringify(answer)}`}`);
}

/** A task as it is told when it is made. */
function created(task: Task, isModern: boolean) {
  const at = new Date(task.createdAt).toISOString();
  const common = { taskId: task.taskId, status: statusOf(task), createdAt: at, lastUpdatedAt: at };
  return { ...common, ...(isModern ? { ttlMs: null, pollIntervalMs: 200 } : { ttl: null, pollInterval: 200 }) };
}

/** A task as it is told when it is looked at: in 2026-07-28 with its result, or what it asks. */
function view(task: Task, isModern: boolean) {
  const told = created(task, isModern);
  if (!isModern) return told;
  if (told.status === 'completed') return { ...told, result: { resultType: 'complete', ...resultOf(task) } };
  return told.status === 'input_required' ? { ...told, inputRequests: { sure: QUESTION } } : told;
}

function create({ era }: McpRequestContext): Server {
  const isModern = era === 'modern';
  const server = new Server(
    { name: 'peer', version: '1' },
    {
      capabilities: {
        tools: {},
        ...(isModern
          ? { extensions: { [TASKS]: {} } }
          : { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } }),
      },
    },
  );
  const params = z.looseObject({ taskId: z.string() });
  const custom = (method: string, handle: (task: Task, context: ServerContext) => unknown) =>
    server.setRequestHandler(method, { params }, (given, context) => handle(load(given.taskId), context) as never);

  server.setRequestHandler('tools/list', () => ({ tools: TOOLS }));
  const call = async ({ name, arguments: args = {}, ...rest }: CallParams, { mcpReq }: ServerContext) => {
    log(`${name} ${JSON.stringify(args)}`);
    if (name === 'note') return text(`noted ${args.text}`);
    if (name === 'refuse') return text('no', true);
    if (name === 'slow' || name === 'slow_read') {
      await after(args.ms as number);
      return text(`${name} done`);
    }
    if (name === 'confirm') {
      const given = isModern
        ? mcpReq.inputResponses?.sure
        : await mcpReq.elicitInput(QUESTION.params as never, { timeout: 60_000 });
      if (given === undefined)
        return { resultType: 'input_required', inputRequests: { sure: QUESTION }, requestState: 's' };
      log(`confirmed ${JSON.stringify(given)}`);
      return text(`confirmed ${JSON.stringify(given)}`);
    }
    const envelope = (mcpReq.envelope ?? {}) as Record<string, { extensions?: object } | undefined>;
    const known = envelope['io.modelcontextprotocol/clientCapabilities']?.extensions ?? {};
    const wantsTask = isModern ? TASKS in known : 'task' in rest;
    const task: Task = { taskId: crypto.randomUUID().replaceAll('-', ''), args, createdAt: Date.now() };
    save(task);
    if (wantsTask) return isModern ? { resultType: 'task', ...created(task, true) } : { task: created(task, false) };
    await after(task.args.ms ?? 0);
    return resultOf(task);
  };
  // The SDK takes no task for the answer of a tool of 2025-11-25, where it handles `tools/call` itself.
  if (isModern) server.setRequestHandler('tools/call', ({ params: given }, context) => call(given, context) as never);
  else
    server.fallbackRequestHandler = async ({ method, params: given }, context) => {
      if (method !== 'tools/call') throw Object.assign(new Error(`No ${method} here`), { code: -32_601 });
      return (await call(given as CallParams, context)) as never;
    };
  custom('tasks/get', (task) => {
    log('get');
    return view(task, isModern);
  });
  custom('tasks/cancel', (task) => {
    save({ ...task, cancelled: true });
    return isModern ? {} : view({ ...task, cancelled: true }, false);
  });
  server.setRequestHandler('tasks/result', { params }, async ({ taskId }, { mcpReq }) => {
    const task = load(taskId);
    if (statusOf(task) === 'input_required') {
      const meta = { 'io.modelcontextprotocol/related-task': { taskId } };
      save({ ...task, answer: await mcpReq.elicitInput({ ...QUESTION.params, _meta: meta } as never) });
    }
    while (statusOf(load(taskId)) === 'working') await after(20);
    return resultOf(load(taskId)) as never;
  });
  custom('tasks/update', (task, { mcpReq }) => {
    save({ ...task, answer: mcpReq.inputResponses?.sure });
    return {};
  });
  return server;
}

mkdirSync(folder, { recursive: true });
log(`started ${process.pid}`);
if (how === 'stdio') serveStdio(create, { onerror: (error) => log(`error ${error.message}`) });
else {
  const modern = createMcpHandler(create, { legacy: 'reject' });
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
  /** Sessions of the older revision, kept in this process as most servers do. */
  async function legacy(request: Request): Promise<Response> {
    const id = request.headers.get('mcp-session-id');
    const known = id && sessions.get(id);
    if (known) return known.handleRequest(request);
    if (id) return new Response('no such session', { status: 404 });
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => crypto.randomUUID(),
      onsessioninitialized: (made) => void sessions.set(made, transport),
    });
    await create({ era: 'legacy' }).connect(transport);
    return transport.handleRequest(request);
  }
  const onlyOld = process.env.PEER_REVISION === 'old';
  serve({
    port: Number(how),
    hostname: '127.0.0.1',
    fetch: async (request) => (onlyOld || (await isLegacyRequest(request)) ? legacy(request) : modern.fetch(request)),
  });
}
