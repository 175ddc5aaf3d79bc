import type { ChatTransport, UIMessage, UIMessageChunk } from 'ai';
import type { ConversationInput, JsonSchema, RunEvent } from '../contract/index.ts';
import { followParts } from '../dialogue/follow-parts.ts';
import { type ChatMemory, pageMemory } from './chat-memory.ts';
import { type AskGateway, type GatewayAccess, GatewayError, gatewayRequest } from './gateway-request.ts';
import { answersIn, giveAnswers } from './give-answers.ts';
import { reached, runEvents } from './run-events.ts';
import { type CadenzaMetadata, chunkWriter } from './ui-chunks.ts';
import { agentMessages } from './ui-messages.ts';

/** A tool whose work the page does: `onToolCall` or a click gives its result, by `addToolOutput`. */
export interface ClientTool {
  name: string;
  description?: string;
  /** JSON schema of its arguments */
  parameters: JsonSchema;
}

export interface ChatOptions extends GatewayAccess {
  /** an agent of the gateway's config answers, each message by a run of its own; left out, the one named `default` */
  agent?: string;
  /** instead of an agent: one durable conversation, which remembers what was said by itself; its input, where it is begun */
  conversation?: ConversationInput;
  /** for an agent */
  tools?: ClientTool[];
  /** left out, the page's `localStorage` */
  memory?: ChatMemory;
  /** what becomes of the run when `useChat` stops: by the user, or as its component goes away. Left out, it stops too */
  onAbort?: 'stop' | 'leave';
}

/** The run that answers, and of a conversation the message it answers. */
interface Turn extends Pick<CadenzaMetadata, 'run' | 'message'> {
  /** the event up to which it was told, where it waits for the page */
  paused?: number;
  /** it was told to its end */
  told?: boolean;
}

/** So long a stopped stream may be asked for again before its run is stopped, ms: React mounts twice while it is developed. */
const STOP_AFTER_MS = 50;

/**
 * A transport for `useChat` of the AI SDK: each answer is a durable run behind Cadenza's gateway.
 *
 *   useChat --sendMessages--> run --events--> chunks --> message --(approval? result of a tool?)--> sendMessages --> ...
 *      +----reconnectToStream--> the same run, from its first word on
 *      +----stop--> the run is stopped: its provider's connection is closed
 *
 * What is shown is read from the run's events, so that a page that was closed, reloaded or offline misses nothing.
 */
export function cadenzaChat<Message extends UIMessage = UIMessage>(options: ChatOptions = {}): ChatTransport<Message> {
  const { agent = 'default', conversation, tools = [], memory = pageMemory(), onAbort = 'stop' } = options;
  const ask = gatewayRequest(options);
  /** which of a chat's streams is the newest */
  const newest = new Map<string, object>();

  return {
    resumeStreamIsReplay: true,

    async sendMessages({ chatId, messages, trigger, messageId, abortSignal }) {
      const stream = {};
      newest.set(chatId, stream);
      const last = messages.at(-1);
      const told = last?.role === 'assistant' ? cadenzaOf(last) : undefined;
      if (told) {
        const answers = answersIn(last!, told.awaits);
        await giveAnswers(ask, told.run, answers);
        const turn = { run: told.run, message: told.message };
        await memory.set(chatId, JSON.stringify(turn));
        const given = new Set(answers.map(({ id }) => id));
        return streamOf(follow({ chatId, stream, turn, from: told.seq, given, abortSignal }));
      }
      await leaveLast(chatId);
      const isRepeat = trigger === 'regenerate-message' || messageId !== undefined;
      const turn = await begin(chatId, messages, isRepeat);
      await memory.set(chatId, JSON.stringify(turn));
      return streamOf(follow({ chatId, stream, turn, abortSignal }));
    },

    async reconnectToStream({ chatId, abortSignal }) {
      const stream = {};
      newest.set(chatId, stream);
      const turn = await lastTurn(chatId);
      if (!turn || turn.told || !(await isNews(turn, chatId, abortSignal))) return null;
      const told = follow({ chatId, stream, turn, abortSignal });
      // What is there already comes in one go: a click on what a replay has shown halfway would be lost.
      const behind = [await told.chunks.next(), await told.chunks.next()].flatMap(({ value }) => value ?? []);
      if (newest.get(chatId) === stream) return streamOf(told, behind);
      told.close();
      return null;
    },
  };

  async function begin(chatId: string, messages: Message[], isRepeat: boolean): Promise<Turn> {
    const last = messages.at(-1);
    if (last?.role !== 'user')
      throw new TypeError('The last message of a chat is the user’s, or one that Cadenza answered');
    const again = isRepeat ? `:${suffix()}` : '';
    const message = runId(last.id) + again;
    if (conversation)
      return say(ask, conversation, (await lastTurn(chatId))?.run ?? runId(chatId), message, textOf(last));
    const id = `${runId(chatId)}:${message}`;
    const json = { id, messages: agentMessages(messages), ...(tools.length > 0 && { tools }) };
    return { run: await startedId(ask(`/v1/agents/${encodeURIComponent(agent)}/runs`, { json })) };
  }

  async function lastTurn(chatId: string): Promise<Turn | undefined> {
    const kept = await memory.get(chatId);
    return kept ? (JSON.parse(kept) as Turn) : undefined;
  }

  /** Whether there is more to be told than the page was: where it waits for the user, there mostly is not. */
  async function isNews({ run, message, paused }: Turn, chatId: string, signal?: AbortSignal): Promise<boolean> {
    try {
      // Given up at once: `useChat` sends no answers before.
      await reached(() => ask(`/v1/runs/${encodeURIComponent(run)}`, { signal }), signal);
    } catch (thrown) {
      if (!(thrown instanceof GatewayError && thrown.status === 404)) throw thrown;
      await memory.remove(chatId);
      return false;
    }
    if (paused === undefined) return true;
    const pages = (until: AbortSignal) => runEvents(ask, run, until);
    for await (const { seq } of followParts({ pages, message, signal })) if (seq > paused) return true;
    return false;
  }

  /** Whoever says something else does not wait for what was asked before. */
  async function leaveLast(chatId: string): Promise<void> {
    const turn = await lastTurn(chatId);
    if (turn && !conversation) await stop(turn.run);
  }

  function follow(following: Following): Told {
    const { chatId, stream, turn, abortSignal } = following;
    const closed = new AbortController();
    const abort = () => {
      closed.abort();
      setTimeout(() => {
        if (onAbort === 'leave' || newest.get(chatId) !== stream) return;
        void stop(turn.run, following.step);
        void memory.remove(chatId);
      }, STOP_AFTER_MS);
    };
    if (abortSignal?.aborted) abort();
    abortSignal?.addEventListener('abort', abort);
    return { chunks: chunksOf(following, closed.signal), close: () => closed.abort() };
  }

  async function* chunksOf(following: Following, signal: AbortSignal): AsyncGenerator<UIMessageChunk[]> {
    const { chatId, turn, from = 0, given } = following;
    const { run, message } = turn;
    const writer = chunkWriter({ run, message });
    yield [{ type: 'start', messageId: message === undefined ? run : `${run}:${message}` }];
    async function* pages(until: AbortSignal) {
      for await (const page of runEvents(ask, run, until)) {
        following.step ??= message === undefined ? undefined : stepOf(page, message);
        yield page;
      }
    }
    for await (const followed of followParts({ pages, message, signal, given })) {
      if ('awaits' in followed) {
        await memory.set(chatId, JSON.stringify({ run, message, paused: followed.seq }));
        yield writer.pause(followed.awaits, followed.seq);
        return;
      }
      const chunks = followed.parts.flatMap((part) => {
        const written = writer.write(part);
        return part.seq > from ? written : [];
      });
      if (followed.parts.at(-1)!.type === 'end') await forget(chatId, run);
      if (chunks.length > 0) yield [...chunks, ...writer.asking(followed.seq)];
    }
  }

  /** An answer that was told is not told again; a conversation goes on with the next message. */
  async function forget(chatId: string, run: string): Promise<void> {
    if (conversation) await memory.set(chatId, JSON.stringify({ run, told: true }));
    else await memory.remove(chatId);
  }

  /** @param step of a conversation: the answer to one message, and the conversation goes on */
  async function stop(run: string, step?: string): Promise<void> {
    const path = `/v1/runs/${encodeURIComponent(run)}/stop`;
    // It may have ended; a page that goes away still says so.
    await ask(path, { method: 'POST', keepalive: true, ...(step !== undefined && { json: { step } }) }).catch(
      (thrown: unknown) => {
        if (!(thrown instanceof GatewayError)) throw thrown;
      },
    );
  }
}

interface Told {
  chunks: AsyncGenerator<UIMessageChunk[]>;
  close(): void;
}

/** @param behind comes first */
function streamOf({ chunks, close }: Told, behind: UIMessageChunk[] = []): ReadableStream<UIMessageChunk> {
  return new ReadableStream<UIMessageChunk>({
    start(controller) {
      for (const chunk of behind) controller.enqueue(chunk);
    },
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done) controller.close();
      else for (const chunk of value) controller.enqueue(chunk);
    },
    cancel: close,
  });
}

interface Following {
  chatId: string;
  /** the stream's own mark */
  stream: object;
  turn: Turn;
  /** what stands in events up to this one was told before */
  from?: number;
  /** what the run waited for and was given just now */
  given?: Set<string>;
  abortSignal: AbortSignal | undefined;
  /** of a conversation: the step that answers, once it is known */
  step?: string;
}

function stepOf(events: RunEvent[], message: string): string | undefined {
  return events.find((event) => event.type === 'step.started' && event.message?.id === message)?.step;
}

/** Gives a conversation its next message; where there is none yet, or it was stopped, another one begins. */
async function say(ask: AskGateway, input: ConversationInput, run: string, id: string, text: string): Promise<Turn> {
  const send = (to: string) => ask(`/v1/runs/${encodeURIComponent(to)}/messages?wait=false`, { json: { id, text } });
  try {
    await send(run);
    return { run, message: id };
  } catch (thrown) {
    if (!(thrown instanceof GatewayError && (thrown.status === 404 || thrown.status === 409))) throw thrown;
    const own = thrown.status === 404 ? run : `${run}:${suffix()}`;
    const begun = await startedId(ask('/v1/runs', { json: { pattern: 'conversation', id: own, input } }));
    await send(begun);
    return { run: begun, message: id };
  }
}

/** A tenant's runs have ids of its own. */
async function startedId(starting: Promise<Response>): Promise<string> {
  return ((await (await starting).json()) as { id: string }).id;
}

/** Pages that are no secure context have no `randomUUID`. */
function suffix(): string {
  return Math.random().toString(36).slice(2, 10);
}

function cadenzaOf(message: UIMessage): CadenzaMetadata {
  const { cadenza } = (message.metadata ?? {}) as { cadenza?: CadenzaMetadata };
  if (cadenza) return cadenza;
  throw new TypeError('The last message says of no run: keep its metadata beside its parts');
}

function textOf({ parts }: UIMessage): string {
  return parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
}

/** Run ids are letters, digits and . : @ / _ - */
function runId(name: string): string {
  return name.replace(/[^\w.-]/g, (character) => `:${character.codePointAt(0)!.toString(16)}`);
}
