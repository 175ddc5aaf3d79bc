import { type ToolContext, ToolFailure, unfinished } from '../tool.ts';
import type { Args, CalledTool, CallState, InputRequest } from './called-tool.ts';
import { readable, type ToolAnswerContent } from './content.ts';
import type { Elicitation, LiveCall } from './live-calls.ts';
import type { ElicitAnswer } from './open-connection.ts';

/** Before the first look at a task, ms, where the server does not say. */
export const FIRST_POLL_MS = 1_000;

/** What a server answers to a call, whichever revision it speaks. */
export interface CallResult extends ToolAnswerContent {
  resultType?: string;
  taskId?: string;
  pollIntervalMs?: number;
  statusMessage?: string;
  task?: { taskId: string; pollInterval?: number; statusMessage?: string };
  inputRequests?: Record<string, InputRequest>;
  requestState?: string;
}

/** What comes of a call next: its result, a question, or a task to wait for. */
export async function next(
  tool: CalledTool,
  live: LiveCall<unknown>,
  of: { args: Args; since: number; taskId?: string },
  context: ToolContext,
): Promise<unknown> {
  const came = await live.next(context.signal);
  if ('asks' in came) return askPerson(tool, came.asks, { kind: 'live', ...of });
  const result = came.result as CallResult;
  if (result.resultType === 'input_required') {
    const { inputRequests = {}, requestState } = result;
    return ask(tool, { kind: 'input', args: of.args, asked: inputRequests, answers: {}, state: requestState });
  }
  const task = result.resultType === 'task' ? { ...result, pollInterval: result.pollIntervalMs } : result.task;
  if (task?.taskId === undefined) return ended(tool, result, context);
  const state: CallState = { kind: 'task', taskId: task.taskId, since: of.since };
  return unfinished({ wait: { state, pollMs: task.pollInterval ?? FIRST_POLL_MS, message: task.statusMessage } });
}

export async function ended(
  { serverName }: CalledTool,
  result: ToolAnswerContent,
  { files }: ToolContext,
): Promise<unknown> {
  const text = await readable(result, files);
  if (!result.isError) return text;
  const message = typeof text === 'string' ? text : JSON.stringify(text);
  throw new ToolFailure({ type: 'ToolFailed', message, provider: serverName });
}

export function ask(tool: CalledTool, state: CallState & { kind: 'input' }): unknown {
  const [input] = unanswered(state);
  // Nothing is asked: the server wants the call again, with its state.
  if (input === undefined) return unfinished({ wait: { state, pollMs: FIRST_POLL_MS } });
  return askPerson(tool, elicitationOf(tool, state.asked[input]!), state);
}

export function unanswered({
  asked,
  answers,
}: {
  asked: Record<string, InputRequest>;
  answers: Record<string, ElicitAnswer>;
}) {
  return Object.keys(asked).filter((input) => !Object.hasOwn(answers, input));
}

/** Only people are asked: models and folders of ours are not offered to servers. */
export function elicitationOf({ serverName }: CalledTool, { method, params }: InputRequest): Elicitation {
  const { message, url, requestedSchema } = (params ?? {}) as Elicitation & { url?: string };
  if (method !== 'elicitation/create') {
    throw new ToolFailure({
      type: 'ToolFailed',
      message: `The MCP server ${serverName} asks for ${method}, which is not offered`,
    });
  }
  return { message: url === undefined ? message : `${message}\n${url}`, requestedSchema };
}

export function askPerson(
  { serverName }: CalledTool,
  { message, requestedSchema }: Elicitation,
  state: CallState,
): unknown {
  return unfinished({
    ask: { state, message: `${serverName} asks: ${message}`, ...(requestedSchema && { schema: requestedSchema }) },
  });
}
