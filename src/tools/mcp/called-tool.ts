import type { JsonRpcResponse } from '@modelcontextprotocol/ext-tasks/client';
import type { Replay } from '../../contract/index.ts';
import { type ToolContext, ToolFailure } from '../tool.ts';
import { lossOf } from './lost-calls.ts';
import type { Connection, ElicitAnswer } from './open-connection.ts';
import type { McpServer } from './server.ts';

/** A call may wait this long for a person, ms. */
export const PERSON_WITHIN_MS = 86_400_000;

/** One tool of one server, as it is called. */
export interface CalledTool {
  server: McpServer;
  serverName: string;
  /** as the server names it */
  name: string;
  replay: Replay;
  timeoutMs: number;
  /** the server of 2025-11-25 lets the tool be a task */
  mayBeTask: boolean;
}

/** What is kept of a call that is not done, so that any worker can go on with it. */
export type CallState =
  | { kind: 'task'; taskId: string; since: number; awaySince?: number }
  /** the task asked, under this name */
  | { kind: 'taskInput'; taskId: string; since: number; input: string }
  /** 2026-07-28: the call ended with a question, and is sent again with the answers */
  | {
      kind: 'input';
      args: Args;
      asked: Record<string, InputRequest>;
      answers: Record<string, ElicitAnswer>;
      state?: string;
    }
  /** 2025-11-25: the call is open in the process that made it */
  | { kind: 'live'; args: Args; taskId?: string; since: number };

export type Args = Record<string, unknown>;

export interface InputRequest {
  method: string;
  params?: unknown;
}

export function resultOf(response: JsonRpcResponse): unknown {
  if (response.kind === 'result') return response.result;
  const { message, code, data } = response.error;
  throw Object.assign(new Error(message), { code, data });
}

/**
 * Does a piece of work on the server's connection. Where it is lost on the way, the work is done again on a new one, if it
 * never got there or may be repeated; else nobody knows how far it came.
 */
export async function sent<Value>(
  tool: CalledTool,
  { signal }: ToolContext,
  work: (connection: Connection) => Promise<Value>,
  replay: Replay = tool.replay,
): Promise<Value> {
  for (let nth = 1; ; nth++) {
    const connection = await tool.server.connected();
    try {
      return await work(connection);
    } catch (thrown) {
      signal.throwIfAborted();
      const loss = lossOf(thrown, tool.serverName, connection.client.getProtocolEra() === 'legacy');
      if (loss.kind === 'refused') throw loss.failure;
      await tool.server.drop(connection);
      if (loss.kind === 'lost' && replay === 'unsafe') throw interrupted(tool, loss.reason);
      if (nth === 1) continue;
      const reason = loss.kind === 'lost' ? loss.reason : 'it does not answer';
      const message = `The MCP server ${tool.serverName} was lost: ${reason}`;
      throw new ToolFailure({ type: 'ConnectionLost', message }, { retryable: true, cause: thrown });
    }
  }
}

export function interrupted({ serverName, name }: CalledTool, reason: string): ToolFailure {
  const message = `interrupted: the MCP server ${serverName} was lost while ${name} ran (${reason}). It is not known whether it did what it was asked, and it was not run again`;
  return new ToolFailure({ type: 'ConnectionLost', message }, { interrupted: true });
}
