import type {
  CallError,
  ModelCall,
  ModelReply,
  ModelRequest,
  NewEvent,
  ToolCallPart,
  Usage,
} from '../contract/index.ts';
import { modelIdOf, unusableSchema, wellFormed } from '../contract/index.ts';
import { type ProviderChunk, ProviderError, priceOf, redact, schemaProblem, settledUsage } from '../providers/index.ts';
import type { BackgroundAnswer } from './background-answer.ts';
import { checkOutput } from './check-output.ts';
import { ClockRanOut, callClocks } from './clocks.ts';
import type { Rooms } from './rooms.ts';
import { coalescing, spoken, toolInputs } from './spoken-events.ts';

export interface StreamedCall {
  call: ModelCall;
  request: ModelRequest;
  signal: AbortSignal;
  /** called with each event, in order; the promise is kept once it is committed */
  emit(event: NewEvent): Promise<void>;
  /** called with the headers of the provider's response */
  onHeaders?(headers: Headers): void;
  /** called with the first token */
  onFirstToken(): void;
  /** what the provider has answered already, in a batch: it is not asked */
  answered?: unknown;
  /** the provider goes on answering when nobody listens */
  background?: BackgroundAnswer;
}

/** What was streamed of an answer that did not become whole. */
export interface PartialReply {
  text: string;
  /** as the provider told it, and by our own count from there on */
  usage: Usage;
  /** USD; null where the price is unknown */
  costUsd: number | null;
  estimated: boolean;
}

/** A call that ended without an answer, and what it used. */
export class AttemptFailed extends Error {
  /** absent where nothing can have been paid: the request never went out, no response came while it was waited for, or the provider refused before its first word */
  readonly partial?: PartialReply;

  constructor(cause: unknown, partial: PartialReply | undefined) {
    super('The model call failed', { cause });
    this.name = 'AttemptFailed';
    this.partial = partial;
  }
}

/**
 * Asks a provider, passes its words on as they come, and puts the whole reply together.
 * @throws AttemptFailed whatever went wrong, with what was streamed until then
 */
export async function streamReply(
  rooms: Rooms,
  { call, request, signal, emit, onHeaders, onFirstToken, answered, background }: StreamedCall,
): Promise<ModelReply> {
  const { providers, secrets, config } = rooms;
  const problem = request.schema && schemaProblem(request.schema);
  if (problem) throw new AttemptFailed(new ProviderError(unusableSchema(problem, 'input.schema')), undefined);
  const startedAt = performance.now();
  const provider = providers.open(call.model);
  const clocks = callClocks(call.timeouts);
  const events = coalescing(emit);
  const text = spoken('call.delta', secrets, events.write);
  const reasoning = spoken('call.reasoning', secrets, events.write);
  const inputs = toolInputs(secrets, events.write);
  const toolCalls: ToolCallPart[] = [];
  const output = countedOutput();
  let sent = false;
  let opened = false;
  let requestId: string | undefined;
  let firstTokenMs: number | undefined;
  let end: Extract<ProviderChunk, { type: 'end' }> | undefined;
  const settled = () => {
    const { usage, estimated } = settledUsage(output.told(), request, output);
    return { usage, costUsd: priceOf(call.model, usage, config.prices), estimated };
  };

  const close = () => {
    text.end();
    reasoning.end();
    inputs.end();
    events.flush();
  };

  try {
    const stream = provider.stream({
      model: modelIdOf(call.model),
      request,
      signal: AbortSignal.any([signal, clocks.signal]),
      heard: clocks.heard,
      answered,
      onSent: () => {
        sent = true;
      },
      onHeaders,
      background: background && { resume: background.id() },
    });
    for await (const chunk of clocks.over(stream)) {
      output.count(chunk);
      if (chunk.type === 'open') {
        opened = true;
        requestId = chunk.requestId;
        continue;
      }
      if (chunk.type === 'usage') continue;
      if (chunk.type === 'kept') {
        await background?.isKept(chunk.id);
        continue;
      }
      if (firstTokenMs === undefined) {
        firstTokenMs = performance.now() - startedAt;
        onFirstToken();
      }
      if (chunk.type === 'text') text.say(chunk.text);
      else if (chunk.type === 'reasoning') reasoning.say(chunk.text);
      else if (chunk.type === 'toolInput') inputs.say(chunk);
      else if (chunk.type === 'toolCall') toolCalls.push(withoutSecrets(wellFormed(chunk.call), secrets));
      else if (chunk.type === 'end') end = chunk;
    }
    if (!end) throw new Error('The stream ended before the answer did');
    close();
  } catch (thrown) {
    if (!events.refused()) close();
    const isRefused = output.said === '' && !output.told() && refusesUnpaid(thrown, provider.asCallError);
    // A request that we hung up on may have been begun, whether or not its response had: told to, or by our own clock.
    const hungUp = signal.aborted || clocks.signal.aborted;
    const unpaid = hungUp ? !sent && !opened : !opened || isRefused;
    throw new AttemptFailed(thrown, unpaid ? undefined : { text: text.whole(), ...settled() });
  }

  const said = text.whole();
  const { usage, costUsd, estimated } = settled();
  return {
    text: said,
    ...(request.schema && toolCalls.length === 0 ? checkOutput(said, request.schema) : {}),
    model: call.model,
    usage,
    costUsd,
    ...(estimated ? { estimated } : {}),
    finishReason: end.finishReason,
    ...(reasoning.whole() ? { reasoning: reasoning.whole() } : {}),
    ...(end.reasoningSignature ? { reasoningSignature: end.reasoningSignature } : {}),
    ...(toolCalls.length > 0 ? { toolCalls } : {}),
    requestId,
    firstTokenMs: Math.round(firstTokenMs ?? 0),
    totalMs: Math.round(performance.now() - startedAt),
  };
}

/** Errors that a provider tells, inside a stream, of requests it did not begin. Our own clock is none: it may be thinking. */
function refusesUnpaid(thrown: unknown, asCallError: (thrown: unknown) => CallError): boolean {
  if (thrown instanceof ClockRanOut) return false;
  const { type } = asCallError(thrown);
  return !['ConnectionLost', 'Timeout', 'Cancelled', 'InvalidOutput', 'ContentFiltered', 'Refused'].includes(type);
}

/** What a call has put out, and what the provider has counted of it. */
function countedOutput() {
  let told: Partial<Usage> | undefined;
  let said = '';
  let since = '';
  return {
    told: () => told,
    get said() {
      return said;
    },
    get since() {
      return since;
    },
    count(chunk: ProviderChunk) {
      if (chunk.type === 'text' || chunk.type === 'reasoning' || chunk.type === 'toolInput') {
        said += chunk.text;
        since += chunk.text;
      }
      // Calls whose arguments did not come in pieces.
      if (chunk.type === 'toolCall' && !said.includes('{')) said += JSON.stringify(chunk.call.arguments);
      if ((chunk.type === 'usage' || chunk.type === 'end') && chunk.usage) {
        told = chunk.usage;
        since = '';
      }
    },
  };
}

function withoutSecrets(call: ToolCallPart, secrets: string[]): ToolCallPart {
  return {
    ...call,
    arguments: JSON.parse(redact(JSON.stringify(call.arguments), secrets)) as ToolCallPart['arguments'],
  };
}
