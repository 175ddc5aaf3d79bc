import { setTimeout as after } from 'node:timers/promises';
import { afterEach } from '@jest/globals';
import { ClockRanOut, timeoutError } from '../../src/activities/clocks.ts';
import type { Rooms } from '../../src/activities/rooms.ts';
import { AttemptFailed, type PartialReply, streamReply } from '../../src/activities/stream-reply.ts';
import { Config, type ConfigInput } from '../../src/config/index.ts';
import type {
  CallError,
  JsonSchema,
  ModelReply,
  NewEvent,
  Timeouts,
  ToolDefinition,
} from '../../src/contract/index.ts';
import { DEFAULT_TIMEOUTS } from '../../src/contract/index.ts';
import { ProviderError, providerRegistry } from '../../src/providers/index.ts';
import { type Peer, scriptedPeer } from './peer.ts';
import { KEY } from './wires.ts';

export type WireName = 'openai-responses' | 'openai-chat' | 'anthropic' | 'gemini';

/** The model each wire is asked for, and how its provider is set up. */
export const MODELS: Record<WireName, string> = {
  'openai-responses': 'openai/gpt-6-sol',
  'openai-chat': 'peer/m',
  anthropic: 'anthropic/claude-sonnet-5-5',
  gemini: 'gemini/gemini-3.8-flash',
};

/** What a provider answers, and what it is asked. */
export interface Answering {
  status?: number;
  headers?: Record<string, string>;
  body?: string;
  /** written one by one */
  chunks?: string[];
  pauseMs?: number;
  thenKeepOpen?: { everyMs: number; chunk: string; forMs: number };
  /** breaks the connection after the chunks */
  thenBreak?: boolean;
  clocks?: Timeouts;
  request?: { prompt?: string; system?: string; schema?: JsonSchema; tools?: ToolDefinition[] };
  price?: { inputPerMillion: number; cachedInputPerMillion?: number; outputPerMillion: number };
}

export interface Asked {
  reply?: ModelReply;
  error?: CallError;
  partial?: PartialReply;
  events: NewEvent[];
  requests: number;
  /** the first request's body */
  // biome-ignore lint/suspicious/noExplicitAny: a body of any of the four wires
  body: any;
  stop(): Promise<void>;
}

/** The same for a file of tests: what was asked is stopped after each of them. */
export function askingWires(): typeof askWire {
  let asked: Asked | undefined;
  afterEach(async () => {
    await asked?.stop();
    asked = undefined;
  });
  return async (wire, given) => {
    asked = await askWire(wire, given);
    return asked;
  };
}

/** A server that gives the answers one after the other, and the last one again and again. */
export async function answeringPeer(answersNow: () => Answering[]): Promise<Peer> {
  const served = new Map<Answering[], number>();
  return scriptedPeer(async (_incoming, response) => {
    const answers = answersNow();
    const nth = served.get(answers) ?? 0;
    served.set(answers, nth + 1);
    const { status, headers, body, chunks, pauseMs, thenKeepOpen, thenBreak } = answers[nth] ?? answers.at(-1)!;
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const pause = (ms: number) => after(ms, undefined, { signal: gone.signal }).catch(() => {});
    response.writeHead(status ?? 200, headers ?? { 'content-type': 'text/event-stream' });
    for (const chunk of chunks ?? [body ?? '']) {
      if (gone.signal.aborted) return;
      await new Promise((written) => response.write(chunk, written));
      if (pauseMs) await pause(pauseMs);
    }
    for (let left = thenKeepOpen?.forMs ?? 0; left > 0 && !gone.signal.aborted; left -= thenKeepOpen!.everyMs) {
      await pause(thenKeepOpen!.everyMs);
      if (!gone.signal.aborted && thenKeepOpen!.chunk) response.write(thenKeepOpen!.chunk);
    }
    if (thenBreak) response.destroy();
    else response.end();
  });
}

/** The providers of all wires, at one address. */
export function providersAt(url: string): NonNullable<ConfigInput['providers']> {
  return {
    openai: { kind: 'openai', baseUrl: `${url}/v1`, models: ['gpt-6-sol'] },
    anthropic: { kind: 'anthropic', baseUrl: url, models: ['claude-sonnet-5-5'] },
    gemini: { kind: 'gemini', baseUrl: url, models: ['gemini-3.8-flash'] },
    peer: { kind: 'openai-compatible', baseUrl: `${url}/v1`, models: ['m'] },
  };
}

/** Asks a server that answers so, through the registry, the real SDK and `streamReply`. */
export async function askWire(wire: WireName, given: Answering | Answering[]): Promise<Asked> {
  const answers = [given].flat();
  const answering = answers[0]!;
  const { clocks, request: { prompt = 'Hello', ...rest } = {}, price } = answering;
  const peer = await answeringPeer(() => answers);
  const model = MODELS[wire];
  const config = Config.parse({
    providers: providersAt(peer.url),
    prices: price ? { [model]: price } : {},
  });
  const env = { OPENAI_API_KEY: KEY, ANTHROPIC_API_KEY: KEY, GEMINI_API_KEY: KEY };
  const providers = providerRegistry({ config, env });
  const events: NewEvent[] = [];
  const asked: Asked = {
    events,
    requests: 0,
    body: undefined,
    async stop() {
      await providers.close();
      await peer.stop();
    },
  };
  try {
    asked.reply = await streamReply({ providers, config, secrets: [KEY] } as unknown as Rooms, {
      call: {
        run: { id: 'r', chain: 'r', pattern: 'ask', startedAt: '2026-11-25T00:00:00Z' },
        step: 's',
        model,
        candidates: [model],
        timeouts: { ...DEFAULT_TIMEOUTS, ...clocks },
        maxAttempts: 1,
        maxRetryAfterMs: 0,
      },
      request: { messages: [{ role: 'user', content: prompt }], ...rest },
      signal: new AbortController().signal,
      emit: async (event) => void events.push(event),
      onFirstToken: () => {},
    });
  } catch (thrown) {
    if (!(thrown instanceof AttemptFailed)) throw thrown;
    asked.partial = thrown.partial;
    asked.error = errorOf(thrown.cause);
  }
  asked.requests = peer.sent.length;
  asked.body = peer.sent[0]?.body;
  return asked;

  function errorOf(cause: unknown): CallError {
    if (cause instanceof ProviderError) return cause.error;
    if (cause instanceof ClockRanOut) return timeoutError(cause, 'peer', model);
    return providers.open(model).asCallError(cause, model);
  }
}
