import { type ToolContext, unfinished } from '../tool.ts';
import {
  type Args,
  type CalledTool,
  type CallState,
  interrupted,
  PERSON_WITHIN_MS,
  resultOf,
  sent,
} from './called-tool.ts';
import type { Connection, ElicitAnswer } from './open-connection.ts';
import { ask, type CallResult, FIRST_POLL_MS, next, unanswered } from './outcome.ts';
import { controller, looked } from './tasks.ts';

/** How long a server is asked to keep a task's result, ms: a week. */
const KEEP_TASK_MS = 7 * 86_400_000;

export async function callTool(tool: CalledTool, args: Args, context: ToolContext): Promise<unknown> {
  return sent(tool, context, (connection) => firstCall(connection, tool, args, context));
}

/** Goes on with a call that was not done. @param answer what a person said, where it asked */
export async function resumeTool(
  tool: CalledTool,
  state: CallState,
  context: ToolContext,
  answer?: { accepted: boolean; content?: Record<string, unknown> },
): Promise<unknown> {
  const given = answer && asElicitAnswer(answer);
  if (state.kind === 'task') return looked(tool, state, context);
  if (state.kind === 'taskInput') {
    const { taskId, since, input } = state;
    const answers = { [input]: given };
    await sent(
      tool,
      context,
      async ({ port }) => (await controller(port, taskId)).updateJson(answers, context.signal),
      'safe',
    );
    return unfinished({ wait: { state: { kind: 'task', taskId, since } satisfies CallState, pollMs: FIRST_POLL_MS } });
  }
  if (state.kind === 'live') {
    const { args, taskId, since } = state;
    const live = tool.server.live.find(context.idempotencyKey);
    if (given) live?.answer(given);
    // Where the answer came too late for the question, the task is still there.
    if (taskId !== undefined)
      return unfinished({
        wait: { state: { kind: 'task', taskId, since } satisfies CallState, pollMs: FIRST_POLL_MS },
      });
    if (live) return next(tool, live, { args, since }, context);
    if (tool.replay === 'unsafe') throw interrupted(tool, 'the process that waited for the answer is gone');
    return callTool(tool, args, context);
  }
  const [input] = unanswered(state);
  const answers = { ...state.answers, ...(input && given && { [input]: given }) };
  const now = { ...state, answers };
  if (unanswered(now).length > 0) return ask(tool, now);
  return sent(tool, context, (connection) =>
    firstCall(connection, tool, state.args, context, {
      inputResponses: answers,
      ...(state.state !== undefined && { requestState: state.state }),
    }),
  );
}

/** Nobody waits for it any more: the server is told. */
export async function abandonTool(tool: CalledTool, state: CallState, context: ToolContext): Promise<void> {
  if (state.kind === 'live') tool.server.live.find(context.idempotencyKey)?.answer({ action: 'cancel' });
  const taskId = 'taskId' in state ? state.taskId : undefined;
  if (taskId === undefined) return;
  const { port } = await tool.server.connected();
  await (await controller(port, taskId)).cancel(context.signal);
}

async function firstCall(
  connection: Connection,
  tool: CalledTool,
  args: Args,
  context: ToolContext,
  more: Record<string, unknown> = {},
): Promise<unknown> {
  const live = tool.server.live.start(context.idempotencyKey, undefined, (signal) =>
    requested(connection, tool, { name: tool.name, arguments: args, ...more }, signal),
  );
  return next(tool, live, { args, since: Date.now() }, context);
}

/** One `tools/call`. Answers of Tasks need the raw way; without them the SDK's own does more, as it mirrors headers. */
async function requested(
  { client, port }: Connection,
  { timeoutMs, mayBeTask }: CalledTool,
  params: { name: string; arguments: Args },
  signal: AbortSignal,
): Promise<CallResult> {
  const { generation } = port.taskCapabilities;
  // A server that asks waits for a person; how long the work itself may take is the activity's clock.
  const timeout = Math.max(timeoutMs, PERSON_WITHIN_MS);
  if (generation === 'none') {
    const options = { signal, timeout, allowInputRequired: true };
    return (await client.callTool(params, options)) as CallResult;
  }
  const task = generation === 'v1' && mayBeTask ? { task: { ttl: KEEP_TASK_MS } } : {};
  const request = { method: 'tools/call', params: { ...params, ...task } };
  const response = await port.dispatch(request as never, { signal, context: { requestTimeoutMs: timeout } });
  return resultOf(response) as CallResult;
}

function asElicitAnswer({
  accepted,
  content = {},
}: {
  accepted: boolean;
  content?: Record<string, unknown>;
}): ElicitAnswer {
  return accepted ? { action: 'accept', content } : { action: 'decline' };
}
