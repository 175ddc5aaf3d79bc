import { randomUUID } from 'node:crypto';
import type { ChatCompletionRequest, FixtureResponse, LLMock } from '@copilotkit/aimock';
import type { ModelRequest } from '../contract/index.ts';
import { asCallError } from './errors.ts';
import type { Provider, ProviderCall, ProviderChunk } from './provider.ts';
import { type SandboxAnswer, sandboxAnswer } from './sandbox-answers.ts';
import { wordEmbeddings } from './sandbox-embeddings.ts';
import { isSandboxModel, SANDBOX_MODELS, type SandboxModel, unknownSandboxModel } from './sandbox-models.ts';
import type { WireOptions } from './wire.ts';
import { openLate } from './wires.ts';

/** A readable pace: about 60 tokens (of some 4 characters) a second, the first one after 150 ms. */
const PACE = { chunkSize: 4, streamingProfile: { ttft: 150, tps: 60 } };
const AT_ONCE = { chunkSize: 64 };

const KINDS = { gpt: 'openai', claude: 'anthropic', gemini: 'gemini' } as const satisfies Record<SandboxModel, string>;

/** The simulated providers: real wires over real HTTP, to a server in this process that makes answers up. */
export interface Sandbox {
  provider: Provider;
  /** Lets go of the server; the last one to do so stops it. */
  stop(): Promise<void>;
}

/** Opens the sandbox. Its server starts with the first call; CADENZA_SANDBOX_SPEED=instant lets it answer at once. */
export function startSandbox(env: NodeJS.ProcessEnv = process.env): Sandbox {
  const instant = env.CADENZA_SANDBOX_SPEED === 'instant';
  let held: Promise<Server> | undefined;
  let stopped = false;

  async function* stream(call: ProviderCall): AsyncGenerator<ProviderChunk> {
    const { model } = call;
    if (!isSandboxModel(model)) throw unknownSandboxModel(model);
    if (stopped) throw new Error('The sandbox is stopped');
    held ??= hold();
    const server = await held;
    const ticket = randomUUID();
    server.asked.set(ticket, { model, request: call.request, instant });
    try {
      yield* openLate(KINDS[model], wireOptions(server.url, ticket)).stream(call);
    } finally {
      server.asked.delete(ticket);
    }
  }

  return {
    provider: {
      name: 'sandbox',
      stream,
      embed: async (call) => wordEmbeddings(call),
      listModels: async () => [...SANDBOX_MODELS],
      asCallError: (error, model) => asCallError(error, { provider: 'sandbox', model }),
    },
    async stop() {
      stopped = true;
      if (held) await letGo();
      held = undefined;
    },
  };
}

interface Server {
  url: string;
  /** requests under way, by the header they are sent with: the server sees the request itself, not one wire's form of it */
  asked: Map<string, { model: SandboxModel; request: ModelRequest; instant: boolean }>;
  stop(): Promise<void>;
}

/** One server a process, however many registries use it. */
let running: Promise<Server> | undefined;
let holders = 0;

function hold(): Promise<Server> {
  holders += 1;
  running ??= startServer();
  running.catch(() => {
    running = undefined;
  });
  return running;
}

async function letGo(): Promise<void> {
  holders -= 1;
  if (holders > 0) return;
  const server = running;
  running = undefined;
  await (await server)?.stop();
}

async function startServer(): Promise<Server> {
  const { LLMock } = await import('@copilotkit/aimock');
  const asked: Server['asked'] = new Map();
  const mock: LLMock = new LLMock({ port: 0, host: '127.0.0.1', journalMaxEntries: 1 });
  const ticketOf = (request: ChatCompletionRequest) => asked.get(request._context ?? '');
  const reply = (request: ChatCompletionRequest) => {
    const { model, request: original } = ticketOf(request)!;
    return asFixture(sandboxAnswer(model, original));
  };
  mock.on({ predicate: (request) => ticketOf(request)?.instant === true }, reply, AT_ONCE);
  mock.on({ predicate: (request) => ticketOf(request)?.instant === false }, reply, PACE);
  const url = await mock.start();
  return { url, asked, stop: () => mock.stop() };
}

function asFixture({ text, toolCall, cutShort, inputTokens, outputTokens }: SandboxAnswer): FixtureResponse {
  const usage = { input_tokens: inputTokens, output_tokens: outputTokens };
  if (toolCall) {
    return { toolCalls: [{ name: toolCall.name, arguments: JSON.stringify(toolCall.arguments) }], usage };
  }
  return { content: text ?? '', usage, ...(cutShort && { finishReason: 'length' }) };
}

function wireOptions(url: string, ticket: string): WireOptions {
  return { name: 'sandbox', apiKey: 'sandbox', baseUrl: url, headers: { 'x-aimock-context': ticket } };
}
