import type { ModelCall, ModelReply, ModelRequest, NewEvent, ToolCallPart } from '../contract/index.ts';
import { modelIdOf } from '../contract/index.ts';
import { type ProviderChunk, priceOf, redact, streamRedactor } from '../providers/index.ts';
import { checkOutput } from './check-output.ts';
import { timed } from './clocks.ts';
import type { Rooms } from './rooms.ts';

/** Events of one call that may wait to be written before the stream itself has to wait. */
const WRITES_AHEAD = 256;

export interface StreamedCall {
  call: ModelCall;
  request: ModelRequest;
  signal: AbortSignal;
  /** called with each event, in order; the promise is kept once it is committed */
  emit(event: NewEvent): Promise<void>;
  /** called with the first token */
  onFirstToken(): void;
}

/** Asks a provider, passes its words on as they come, and puts the whole reply together. */
export async function streamReply(
  rooms: Rooms,
  { call, request, signal, emit, onFirstToken }: StreamedCall,
): Promise<ModelReply> {
  const { providers, secrets, config } = rooms;
  const startedAt = performance.now();
  const clocks = new AbortController();
  const stream = providers.open(call.model).stream({
    model: modelIdOf(call.model),
    request,
    signal: AbortSignal.any([signal, clocks.signal]),
  });
  const written = paced(emit);
  const text = spoken('call.delta', secrets, written);
  const reasoning = spoken('call.reasoning', secrets, written);
  const toolCalls: ToolCallPart[] = [];
  let requestId: string | undefined;
  let firstTokenMs: number | undefined;
  let end: Extract<ProviderChunk, { type: 'end' }> | undefined;

  for await (const chunk of timed(stream, call.timeouts, (reason) => clocks.abort(reason))) {
    if (chunk.type === 'open') {
      requestId = chunk.requestId;
      continue;
    }
    if (firstTokenMs === undefined) {
      firstTokenMs = performance.now() - startedAt;
      onFirstToken();
    }
    if (chunk.type === 'text') await text.say(chunk.text);
    else if (chunk.type === 'reasoning') await reasoning.say(chunk.text);
    else if (chunk.type === 'toolCall') toolCalls.push(withoutSecrets(chunk.call, secrets));
    else end = chunk;
  }
  if (!end) throw new Error('The stream ended before the answer did');
  await text.end();
  await reasoning.end();

  const said = text.whole();
  return {
    text: said,
    ...(request.schema && toolCalls.length === 0 ? checkOutput(said, request.schema) : {}),
    model: call.model,
    usage: end.usage,
    costUsd: priceOf(call.model, end.usage, config.prices),
    finishReason: end.finishReason,
    ...(reasoning.whole() ? { reasoning: reasoning.whole() } : {}),
    ...(end.reasoningSignature ? { reasoningSignature: end.reasoningSignature } : {}),
    ...(toolCalls.length > 0 ? { toolCalls } : {}),
    requestId,
    firstTokenMs: Math.round(firstTokenMs ?? 0),
    totalMs: Math.round(performance.now() - startedAt),
  };
}

/** Emits without waiting for each commit, but never more than `WRITES_AHEAD` of them. */
function paced(emit: StreamedCall['emit']): (event: NewEvent) => Promise<void> {
  let ahead = 0;
  let failure: unknown;
  return async (event) => {
    if (failure) throw failure;
    ahead += 1;
    const written = emit(event).then(
      () => {
        ahead -= 1;
      },
      (error: unknown) => {
        failure = error;
      },
    );
    if (ahead > WRITES_AHEAD) await written;
  };
}

/** One kind of words of a call: emitted as they come, kept whole, and never with a secret in them. */
function spoken(type: 'call.delta' | 'call.reasoning', secrets: string[], emit: (event: NewEvent) => Promise<void>) {
  const redactor = streamRedactor(secrets);
  const pieces: string[] = [];
  const pass = async (text: string) => {
    if (text === '') return;
    pieces.push(text);
    await emit({ type, text });
  };
  return {
    say: (text: string) => pass(redactor.push(text)),
    end: () => pass(redactor.flush()),
    whole: () => pieces.join(''),
  };
}

function withoutSecrets(call: ToolCallPart, secrets: string[]): ToolCallPart {
  return {
    ...call,
    arguments: JSON.parse(redact(JSON.stringify(call.arguments), secrets)) as ToolCallPart['arguments'],
  };
}
