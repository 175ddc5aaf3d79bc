import {
  type Message,
  type ModelReply,
  type ModelRequest,
  type Part,
  shortened,
  type ToolCallPart,
  type ToolDefinition,
  textOf,
} from '../contract/index.ts';
import type { NewLine, Store } from '../store/index.ts';
import { sized } from './transcripts.ts';

/** Characters of what a model says beside its tool calls that go into the history. */
const SAID_BESIDE_CALLS = 500;
/** Definitions of tools that this process keeps, by hash: they are asked for with each call of an agent. */
const KEPT_TOOLSETS = 100;
const toolsets = new Map<string, ToolDefinition[]>();

/** Lines of transcripts that this process keeps in all, those of the newest requests: some 25 MB where they are long. */
const KEPT_LINES = 5_000;
const keptLines = new Map<string, { from: number; lines: Message[] }>();

/** A request as a provider gets it, and where its answer is to be kept. */
export interface WholeRequest {
  request: ModelRequest;
  /** after which line of which transcript the answer comes; `tokens`: estimated, of the lines that were added for it */
  answerAt?: { id: string; length: number; tokens: number };
}

/** Fills in what a request names by reference. Messages it adds to a transcript become lines of it first. */
export async function wholeRequest(
  store: Store,
  { transcript, toolset, ...rest }: ModelRequest,
): Promise<WholeRequest> {
  const tools = toolset === undefined ? rest.tools : await toolsOf(store, toolset);
  if (!transcript) return { request: { ...rest, tools } };
  const { id, from, to, system: fixed, head = [], add = [], keepsAnswer } = transcript;
  const added = add.map((line): NewLine => (typeof line === 'string' ? { hash: line } : sized(line)));
  const place = added.length === 0 ? id : await store.transcripts.append(id, to, added);
  const length = to + added.length;
  const [lines, messages] = await Promise.all([
    linesOf(store, place, from, length),
    store.transcripts.messages([...fixed, ...head]),
  ]);
  const system = [...messages.slice(0, fixed.length).map(textOf), ...(rest.system === undefined ? [] : [rest.system])];
  const request = {
    ...rest,
    tools,
    messages: [...messages.slice(fixed.length), ...lines, ...rest.messages],
    ...(system.length === 0 ? {} : { system: system.join('\n\n') }),
  };
  if (!keepsAnswer) return { request };
  const sizes = added.length === 0 ? [] : await store.transcripts.sizes(place, to, length);
  return { request, answerAt: { id: place, length, tokens: sizes.reduce((sum, { tokens }) => sum + tokens, 0) } };
}

/** Makes an answer the next line of its transcript. @returns the answer, and where it is */
export async function keepAnswer(
  { transcripts }: Store,
  { id, length, tokens }: NonNullable<WholeRequest['answerAt']>,
  answer: ModelReply,
): Promise<ModelReply> {
  const line = sized(messageOf(answer));
  const place = await transcripts.append(id, length, [line]);
  return { ...answer, keptAt: { id: place, length: length + 1, tokens: tokens + line.tokens } };
}

/** What a model said, as it is sent back to it. */
function messageOf({ text, reasoning, reasoningSignature, toolCalls = [] }: ModelReply): Message {
  const parts: Part[] = [
    ...(reasoningSignature === undefined
      ? []
      : [{ type: 'reasoning' as const, text: reasoning ?? '', signature: reasoningSignature }]),
    ...(text === '' ? [] : [{ type: 'text' as const, text }]),
    ...toolCalls,
  ];
  return { role: 'assistant', content: parts.length === 0 ? '(no text)' : parts };
}

/**
 * Lines of a transcript, of which this process keeps what it has read: they never change, and the next request of a
 * conversation or an agent is all of this one and a few lines more.
 */
async function linesOf({ transcripts }: Store, id: string, from: number, to: number): Promise<Message[]> {
  const known = keptLines.get(id);
  const isKnown = known !== undefined && known.from <= from && from <= known.from + known.lines.length;
  const start = isKnown ? known.from : from;
  const before = isKnown ? known.lines : [];
  const fresh = start + before.length < to ? await transcripts.read(id, start + before.length, to) : [];
  const lines = fresh.length === 0 ? before : [...before, ...fresh];
  const mine = lines.slice(from - start, to - start);
  keptLines.delete(id);
  if (mine.length <= KEPT_LINES) keptLines.set(id, { from, lines: lines.slice(from - start) });
  let sum = [...keptLines.values()].reduce((all, kept) => all + kept.lines.length, 0);
  for (const [oldest, kept] of keptLines) {
    if (sum <= KEPT_LINES) break;
    keptLines.delete(oldest);
    sum -= kept.lines.length;
  }
  return mine;
}

async function toolsOf({ blobs }: Store, hash: string): Promise<ToolDefinition[]> {
  const known = toolsets.get(hash);
  if (known) return known;
  const [bytes] = await blobs.get([hash]);
  const tools = JSON.parse(Buffer.from(bytes!).toString('utf8')) as ToolDefinition[];
  toolsets.set(hash, tools);
  if (toolsets.size > KEPT_TOOLSETS) toolsets.delete(toolsets.keys().next().value!);
  return tools;
}

/** The signatures, and all that was said beside the calls, lie in the transcript. */
export function withoutSignatures(reply: ModelReply, toolCalls: ToolCallPart[]): ModelReply {
  return {
    ...reply,
    text: shortened(reply.text, SAID_BESIDE_CALLS),
    toolCalls: toolCalls.map(({ signature: _, ...call }) => call),
  };
}
