import type { SerializedTaskReference, TaskController, TaskView } from '@modelcontextprotocol/ext-tasks/client';
import { type ToolContext, ToolFailure, unfinished } from '../tool.ts';
import { type CalledTool, type CallState, type InputRequest, PERSON_WITHIN_MS, resultOf, sent } from './called-tool.ts';
import type { ToolAnswerContent } from './content.ts';
import type { Connection } from './open-connection.ts';
import { askPerson, elicitationOf, ended, FIRST_POLL_MS, next } from './outcome.ts';

/** A server that is away is asked again for its tasks for so long, ms. */
const AWAY_AT_MOST_MS = 3_600_000;
/** Between two looks at a task, ms: what the server says, and for old tasks more, so that hours fit into a history. */
const LONGEST_POLL_MS = 60_000;
const POLL_PER_AGE = 0.05;

/** Looks at a task: done, asking, or to be looked at again. */
export async function looked(
  tool: CalledTool,
  state: CallState & { kind: 'task' },
  context: ToolContext,
): Promise<unknown> {
  const { taskId, since } = state;
  try {
    return await sent(tool, context, (connection) => taskOutcome(connection, tool, state, context), 'safe');
  } catch (thrown) {
    if (context.signal.aborted || !(thrown instanceof ToolFailure) || !thrown.retryable) throw thrown;
    const awaySince = state.awaySince ?? Date.now();
    if (Date.now() - awaySince > AWAY_AT_MOST_MS) throw new ToolFailure(thrown.error, { cause: thrown });
    const again: CallState = { kind: 'task', taskId, since, awaySince };
    return unfinished({ wait: { state: again, pollMs: pollAfter(awaySince), message: thrown.error.message } });
  }
}

async function taskOutcome(
  connection: Connection,
  tool: CalledTool,
  { taskId, since }: { taskId: string; since: number },
  context: ToolContext,
): Promise<unknown> {
  const { port } = connection;
  const task = await controller(port, taskId);
  const view = await task.snapshot(context.signal);
  if (view.status === 'working') return waiting(view, since);
  if (view.status === 'input_required') return taskAsks(connection, tool, view, since, context);
  const outcome = await task.result({ signal: context.signal });
  if (outcome.status === 'completed') return ended(tool, outcome.result as ToolAnswerContent, context);
  const reason = outcome.status === 'failed' ? outcome.error.message : (view.statusMessage ?? 'It was cancelled');
  throw new ToolFailure({
    type: 'ToolFailed',
    message: `The task ${taskId} of ${tool.serverName} ${outcome.status}: ${reason}`,
  });
}

function waiting({ taskId, suggestedPollIntervalMs, statusMessage }: TaskView, since: number): unknown {
  const state: CallState = { kind: 'task', taskId, since };
  return unfinished({ wait: { state, pollMs: pollAfter(since, suggestedPollIntervalMs), message: statusMessage } });
}

/** A task needs to know something. In 2026-07-28 its questions lie in it; in 2025-11-25 they come to who waits for its result. */
async function taskAsks(
  { port }: Connection,
  tool: CalledTool,
  view: TaskView,
  since: number,
  context: ToolContext,
): Promise<unknown> {
  const { taskId } = view;
  if (port.taskCapabilities.generation === 'v2') {
    const [[input, request] = []] = Object.entries(
      (view.raw.inputRequests ?? {}) as unknown as Record<string, InputRequest>,
    );
    if (input === undefined) return waiting(view, since);
    return askPerson(tool, elicitationOf(tool, request!), { kind: 'taskInput', taskId, since, input });
  }
  const open = tool.server.live.find(context.idempotencyKey);
  const live =
    open ??
    tool.server.live.start(context.idempotencyKey, taskId, async (signal) => {
      const params = { method: 'tasks/result', params: { taskId } };
      const response = await port.dispatch(params, { signal, context: { requestTimeoutMs: PERSON_WITHIN_MS } });
      return resultOf(response);
    });
  return next(tool, live, { args: {}, since, taskId }, context);
}

function pollAfter(since: number, suggestedMs = FIRST_POLL_MS): number {
  const byAge = (Date.now() - since) * POLL_PER_AGE;
  return Math.round(Math.max(suggestedMs, Math.min(byAge, LONGEST_POLL_MS)));
}

export async function controller(port: Connection['port'], taskId: string): Promise<TaskController> {
  const { withTasks } = await import('@modelcontextprotocol/ext-tasks/client');
  const session = sessions.get(port) ?? withTasks(port);
  sessions.set(port, session);
  return session.task(taskId as SerializedTaskReference['taskId']);
}

type Session = ReturnType<typeof import('@modelcontextprotocol/ext-tasks/client').withTasks>;
const sessions = new WeakMap<Connection['port'], Session>();
