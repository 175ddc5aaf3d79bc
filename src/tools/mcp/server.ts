import type { Tool as McpTool, PriorDiscovery } from '@modelcontextprotocol/client';
import { ToolFailure } from '../tool.ts';
import { type LiveCalls, liveCalls } from './live-calls.ts';
import { type Connection, openConnection, type ServerTarget } from './open-connection.ts';

/** A server of the config with its one connection, which is opened when it is first needed, and again when it was lost. */
export interface McpServer {
  connected(): Promise<Connection>;
  /** its tools, as it told them last; while it is away those it had */
  tools(): Promise<McpTool[]>;
  live: LiveCalls<unknown>;
  /** The connection is of no use any more. */
  drop(connection: Connection): Promise<void>;
  close(): Promise<void>;
}

export function mcpServer(target: ServerTarget): McpServer {
  const live = liveCalls<unknown>();
  let opening: Promise<Connection> | undefined;
  let known: { tools: McpTool[]; of: Connection } | undefined;
  let prior: PriorDiscovery | undefined;
  let isClosed = false;
  const closing = new Set<Promise<void>>();

  async function open(): Promise<Connection> {
    if (isClosed) throw closed(target);
    const options = {
      onElicit: live.elicited,
      onToolsChanged: () => {
        known = undefined;
      },
    };
    // A server that was upgraded meanwhile is found out about anew.
    const connection = await openConnection(target, { ...options, prior }).catch((error) => {
      if (prior === undefined) throw error;
      prior = undefined;
      return openConnection(target, options);
    });
    const discover = connection.client.getDiscoverResult();
    prior = discover ? { kind: 'modern', discover } : { kind: 'legacy' };
    if (!isClosed) return connection;
    await connection.close();
    throw closed(target);
  }

  async function connected(): Promise<Connection> {
    const existing = await opening?.catch(() => undefined);
    if (existing && !existing.lost()) return existing;
    // Whoever comes first opens it for all.
    if (existing) await drop(existing);
    opening ??= open();
    const mine = opening;
    return mine.catch((error) => {
      if (opening === mine) opening = undefined;
      throw error;
    });
  }

  async function drop(connection: Connection): Promise<void> {
    const current = await opening?.catch(() => undefined);
    if (current === connection) opening = undefined;
    // A program that is slow to end keeps nobody waiting.
    const ending = connection.close().finally(() => closing.delete(ending));
    closing.add(ending);
  }

  return {
    connected,
    live,
    drop,
    async tools() {
      if (known && opening === undefined) return known.tools;
      const connection = await connected().catch((error) => {
        if (known) return known.of;
        throw error;
      });
      if (known && (known.of === connection || connection.lost())) return known.tools;
      const { tools } = await connection.client.listTools(undefined, { cacheMode: 'refresh' });
      known = { tools, of: connection };
      return tools;
    },
    async close() {
      isClosed = true;
      live.close();
      const connection = await opening?.catch(() => undefined);
      opening = undefined;
      await Promise.all([connection?.close(), ...closing]);
    },
  };
}

function closed({ name }: ServerTarget): ToolFailure {
  return new ToolFailure(
    { type: 'Unavailable', message: `This worker is closing, and ${name} with it` },
    { retryable: true },
  );
}
