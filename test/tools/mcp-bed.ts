import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseConfig } from '../../src/config/index.ts';
import {
  asUnfinished,
  mcpSources,
  type Tool,
  type ToolContext,
  ToolFailure,
  toolRegistry,
} from '../../src/tools/index.ts';
import { testLog } from '../setup/test-log.ts';
import { toolContext } from '../setup/tool-context.ts';
import { until } from '../setup/until.ts';

const PEER = path.resolve('test/tools/mcp-peer.ts');
const EVERYTHING = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js'));

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** How a server is reached in a test, and which revision it speaks. */
export type Way = 'stdio' | 'http' | 'http-old';

export interface ServerUnderTest {
  config: Record<string, unknown>;
  /** over HTTP: starts it, or starts it again */
  start(): Promise<void>;
  /** -9; over stdio all its processes so far */
  kill(): Promise<void>;
  /** what it was asked, in order */
  calls(): string[];
  close(): Promise<void>;
}

/** The peer of these tests, on a free port or as the worker's child. */
export async function peerServer(way: Way): Promise<ServerUnderTest> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mcp-'));
  const log = path.join(folder, 'calls.log');
  const lines = () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []);
  const pids = () => lines().flatMap((line) => (line.startsWith('started ') ? [Number(line.slice(8))] : []));
  const port = await freePort();
  let child: ChildProcess | undefined;
  const bed: ServerUnderTest = {
    config:
      way === 'stdio'
        ? { command: process.execPath, args: [PEER, folder, 'stdio'], env: ['NODE_COMPILE_CACHE'] }
        : { url: `http://127.0.0.1:${port}/mcp` },
    async start() {
      if (way === 'stdio') return;
      const env = { ...process.env, PEER_REVISION: way === 'http-old' ? 'old' : 'new' };
      child = spawn(process.execPath, [PEER, folder, String(port)], { env, stdio: 'inherit' });
      await until(() => answers(`http://127.0.0.1:${port}/`));
    },
    kill: () => gone(pids()),
    calls: () => lines().filter((line) => !line.startsWith('started ')),
    async close() {
      child?.kill('SIGKILL');
      await bed.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
  await bed.start();
  return bed;
}

/** The reference server of MCP's makers. */
export async function everythingServer(way: 'stdio' | 'http'): Promise<Omit<ServerUnderTest, 'calls'>> {
  const port = await freePort();
  const bed = {
    config:
      way === 'stdio'
        ? { command: process.execPath, args: [EVERYTHING, 'stdio'] }
        : { url: `http://127.0.0.1:${port}/mcp` },
    async start() {
      if (way === 'stdio') return;
      spawn(process.execPath, [EVERYTHING, 'streamableHttp'], {
        env: { ...process.env, PORT: String(port) },
        stdio: 'ignore',
      });
      await until(() => answers(`http://127.0.0.1:${port}/mcp`));
    },
    kill: () => gone(childrenOf(process.pid)),
    close: () => bed.kill(),
  };
  await bed.start();
  return bed;
}

/** Programs this process started that run the reference server. */
export function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);
  return children.filter((child) => readFileSync(`/proc/${child}/cmdline`, 'utf8').includes(EVERYTHING));
}

async function answers(url: string): Promise<true | undefined> {
  return fetch(url).then(
    () => true,
    () => undefined,
  );
}

/** Kills with -9, and waits until they are no more. */
async function gone(pids: number[]): Promise<void> {
  const signal = (pid: number, name: NodeJS.Signals | 0) => {
    try {
      return process.kill(pid, name);
    } catch {
      return false;
    }
  };
  for (const pid of pids) signal(pid, 'SIGKILL');
  await until(() => (pids.some((pid) => signal(pid, 0)) ? undefined : true));
}

/** The tools of one server, called without an agent: what waits is waited for, what asks is answered. */
export interface ToolBed {
  names(): Promise<string[]>;
  tool(name: string): Promise<Tool>;
  call(name: string, args: Record<string, unknown>, options?: CallOptions): Promise<unknown>;
  logged: string[];
  close(): Promise<void>;
}

interface CallOptions {
  answer?: { accepted: boolean; content?: Record<string, unknown> };
  /** told what the tool waits for or asks */
  /** told what the tool waits for or asks; may give the tool that goes on, of another worker */
  onUnfinished?(outcome: NonNullable<ReturnType<typeof asUnfinished>>): Promise<Tool | undefined> | undefined;
  context?: Partial<ToolContext>;
}

let keys = 0;

export function toolBed(server: Record<string, unknown>, env: NodeJS.ProcessEnv = process.env): ToolBed {
  const { mcp, toolSettings } = parseConfig({ mcp: { srv: server as never } });
  const { log, logged } = testLog();
  const registry = toolRegistry(mcpSources(mcp, env, log), toolSettings);
  async function tool(name: string): Promise<Tool> {
    const found = await registry.find(`srv__${name}`);
    if (!found) throw new Error(`There is no ${name}`);
    return found;
  }
  return {
    logged,
    tool,
    names: async () => (await registry.resolve(['srv__*'])).map((used) => used.tool.name.replace('srv__', '')),
    async call(name, args, { answer, onUnfinished, context: given } = {}) {
      const context = toolContext({ idempotencyKey: `call-${++keys}`, ...given });
      let used = await tool(name);
      let result = await used.run!(args, context);
      for (let outcome = asUnfinished(result); outcome !== undefined; outcome = asUnfinished(result)) {
        // Another worker may go on with it.
        used = (await onUnfinished?.(outcome)) ?? used;
        const state = JSON.parse(JSON.stringify('wait' in outcome ? outcome.wait.state : outcome.ask.state));
        if ('wait' in outcome) await new Promise((resolve) => setTimeout(resolve, outcome.wait.pollMs));
        result = await used.resume!(state, context, 'ask' in outcome ? answer : undefined);
      }
      return result;
    },
    close: () => registry.close(),
  };
}

export async function toolFailure(promise: Promise<unknown>): Promise<ToolFailure> {
  const thrown = await promise.then(
    (result) => new Error(`It did not fail, but gave ${JSON.stringify(result)}`),
    (error) => error,
  );
  if (!(thrown instanceof ToolFailure)) throw thrown;
  return thrown;
}
