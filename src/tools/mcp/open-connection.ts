import { createRequire } from 'node:module';
import type { Client, PriorDiscovery, Transport } from '@modelcontextprotocol/client';
import type { ConnectedMcpSessionPort } from '@modelcontextprotocol/ext-tasks/client';
import type { McpServerConfig } from '../../config/index.ts';
import type { CallError, Log } from '../../contract/index.ts';
import { ToolFailure } from '../tool.ts';
import { rawDispatch } from './raw-dispatch.ts';

const VERSION = (createRequire(import.meta.url)('../../../package.json') as { version: string }).version;
/** How long a server may take to be there, ms: one that `npx` fetches first takes its time. */
const CONNECT_WITHIN_MS = 60_000;
/** How much of what a program says last is kept for the error, characters. */
const LAST_WORDS = 500;

/** An MCP server as the config names it. */
export interface ServerTarget {
  name: string;
  config: McpServerConfig;
  /** `config.mcp.github` */
  at: string;
  log: Log;
  env: NodeJS.ProcessEnv;
}

/** One connection to a server, until it is closed or lost. */
export interface Connection {
  client: Client;
  /** the same client, for requests of Tasks */
  port: ConnectedMcpSessionPort & Disposable;
  lost(): boolean;
  close(): Promise<void>;
}

export interface ConnectionOptions {
  /** of a connection before this one: which revision the server speaks */
  prior?: PriorDiscovery;
  /** asked by a server of 2025-11-25 while it works on a call */
  onElicit(params: unknown): Promise<ElicitAnswer>;
  onToolsChanged(): void;
}

export type ElicitAnswer = { action: 'accept' | 'decline' | 'cancel'; content?: Record<string, unknown> };

/**
 * Connects to a server: starts its program, or finds out at its address which revision it speaks (2026-07-28, else 2025-11-25
 * and older by `initialize`).
 * @throws ToolFailure naming the server and its place in the config
 */
export async function openConnection(target: ServerTarget, options: ConnectionOptions): Promise<Connection> {
  // Loaded with the first server: a start without one does not wait for it.
  const { Client } = await import('@modelcontextprotocol/client');
  const { createSessionPortFromClient } = await import('@modelcontextprotocol/ext-tasks/client');
  const { prior } = options;
  const clientInfo = { name: 'cadenza', version: VERSION };
  const capabilities = { elicitation: { form: {} } };
  const client = new Client(clientInfo, {
    capabilities,
    versionNegotiation: { mode: 'auto' },
    inputRequired: { autoFulfill: false },
    listChanged: { tools: { onChanged: options.onToolsChanged, autoRefresh: false } },
  });
  client.setRequestHandler('elicitation/create', async ({ params }) => (await options.onElicit(params)) as never);
  const { transport, lastWords } = await transportTo(target);
  try {
    await client.connect(transport, { timeout: CONNECT_WITHIN_MS, ...(prior && { prior }) });
  } catch (cause) {
    await client.close().catch(() => {});
    await transport.close().catch(() => {});
    throw notThere(target, cause, lastWords());
  }
  const negotiated = client.getNegotiatedProtocolVersion()!;
  const framing = { protocolVersion: negotiated, clientInfo, clientCapabilities: capabilities };
  const dispatch = rawDispatch(transport);
  let isLost = false;
  const { onclose } = client;
  client.onclose = () => {
    isLost = true;
    dispatch.close();
    onclose?.();
  };
  const port = createSessionPortFromClient(client, target.name, {
    rawDispatch: dispatch.send,
    v2RequestFraming: framing,
  });
  target.log.debug({ server: target.name, revision: negotiated }, 'MCP server connected');
  return {
    client,
    port,
    lost: () => isLost,
    async close() {
      port[Symbol.dispose]();
      await client.close().catch(() => {});
    },
  };
}

async function transportTo(target: ServerTarget): Promise<{ transport: Transport; lastWords(): string }> {
  const { config } = target;
  if ('url' in config) return { transport: await httpTransport(target, config), lastWords: () => '' };
  const { StdioClientTransport, getDefaultEnvironment } = await import('@modelcontextprotocol/client/stdio');
  const { command, args, cwd } = config;
  const passed = Object.fromEntries(config.env.map((name) => [name, variable(name, target, 'env')]));
  const transport = new StdioClientTransport({
    ...{ command, args, cwd },
    env: { ...getDefaultEnvironment(), ...passed },
    stderr: 'pipe',
  });
  let said = '';
  transport.stderr?.on('data', (chunk) => {
    said = `${said}${chunk}`.slice(-LAST_WORDS);
  });
  return { transport, lastWords: () => withoutSecrets(said.trim(), Object.values(passed)) };
}

async function httpTransport(
  target: ServerTarget,
  config: Extract<McpServerConfig, { url: string }>,
): Promise<Transport> {
  const { StreamableHTTPClientTransport, ClientCredentialsProvider } = await import('@modelcontextprotocol/client');
  const { url, headersEnv, oauth } = config;
  const headers = Object.entries(headersEnv).map(([name, from]) => [name, variable(from, target, 'headersEnv')]);
  const authProvider =
    oauth &&
    new ClientCredentialsProvider({
      clientId: oauth.clientId,
      clientSecret: variable(oauth.clientSecretEnv, target, 'oauth.clientSecretEnv'),
      expectedIssuer: oauth.issuer,
      scope: oauth.scope,
      clientName: 'cadenza',
    });
  return new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: Object.fromEntries(headers) },
    ...(authProvider && { authProvider }),
  });
}

function variable(name: string, { at, env }: ServerTarget, field: string): string {
  const value = env[name];
  if (value) return value;
  const path = `${at}.${field}`;
  const message = `${path}: This worker has no variable ${name}`;
  throw new ToolFailure({ type: 'AuthenticationFailed', message, path });
}

function withoutSecrets(text: string, secrets: string[]): string {
  return secrets
    .filter((secret) => secret.length >= 4)
    .reduce((told, secret) => told.replaceAll(secret, '[redacted]'), text);
}

function notThere({ name, config, at, env }: ServerTarget, cause: unknown, lastWords: string): ToolFailure {
  if (cause instanceof ToolFailure) return cause;
  const isProgram = 'command' in config;
  const path = `${at}.${isProgram ? 'command' : 'url'}`;
  const { code, status } = cause as { code?: string; status?: number };
  const isRefused = status === 401 || status === 403;
  const isMissing = code === 'ENOENT';
  const reason = isMissing ? 'There is no such program' : reasonOf(cause);
  const secrets = 'url' in config ? Object.values(config.headersEnv).map((from) => env[from] ?? '') : [];
  const said = lastWords === '' ? '' : ` It said last: ${lastWords}`;
  const error: CallError = {
    type: isRefused ? 'AuthenticationFailed' : isMissing ? 'InvalidRequest' : 'Unavailable',
    message: withoutSecrets(
      `${path}: The MCP server ${name} (${isProgram ? config.command : config.url}) is not there: ${reason}.${said}`,
      secrets,
    ),
    path,
  };
  return new ToolFailure(error, { retryable: error.type === 'Unavailable', cause });
}

/** The innermost reason: `connect ECONNREFUSED 127.0.0.1:3001` rather than `fetch failed`. */
function reasonOf(thrown: unknown): string {
  let error = thrown as Error & { cause?: unknown; errors?: unknown[] };
  const seen: string[] = [];
  for (let depth = 0; error instanceof Error && depth < 8; depth++) {
    if (error.message) seen.push(error.message);
    const inner = (error.cause ??
      error.errors?.[0] ??
      (error as { data?: { cause?: unknown } }).data?.cause) as typeof error;
    error = inner;
  }
  return (seen.at(-1) ?? String(thrown)).replace(/\.$/, '');
}
