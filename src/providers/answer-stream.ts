import { type CallError, type JsonSchema, type ModelRequest, wellFormed } from '../contract/index.ts';
import type { Provider, ProviderCall, ProviderChunk } from './provider.ts';
import { thoughtSplitter } from './think-blocks.ts';
import { ProviderError, StreamFailure } from './wire.ts';

/** What a stream says before the answer begins. */
const BEFORE_WORDS = new Set<ProviderChunk['type']>(['open', 'kept', 'usage']);
/** Schemas remembered as refused, a wire. */
const MOST_REFUSED = 1_000;

/**
 * One wire's answers, as all wires give them: what is sent holds no broken character, a schema the provider refuses is
 * asked for in words instead, and every stream comes to the same end.
 */
export function answerStream(
  chunks: (call: ProviderCall) => AsyncIterable<ProviderChunk>,
  asCallError: (error: unknown, model?: string) => CallError,
): Provider['stream'] {
  const refused = new Set<string>();
  return async function* stream(call) {
    const request = wellFormed(call.request);
    const schema = request.schema && `${call.model} ${JSON.stringify(request.schema)}`;
    if (schema === undefined || !refused.has(schema)) {
      let opened = false;
      try {
        for await (const chunk of complete(chunks({ ...call, request }), call.signal)) {
          opened ||= chunk.type !== 'kept';
          yield chunk;
        }
        return;
      } catch (error) {
        // A request that was not accepted costs nothing, so the second one is the only one paid.
        if (opened || schema === undefined || !asCallError(error, call.model).schemaRefused) throw error;
        if (refused.size >= MOST_REFUSED) refused.clear();
        refused.add(schema);
      }
    }
    yield* complete(chunks({ ...call, request: withPromptedSchema(request) }), call.signal);
  };
}

/** The request with its schema in the prompt: for providers that take none, or not this one. */
function withPromptedSchema({ schema, ...request }: ModelRequest): ModelRequest {
  return { ...request, system: [request.system, schema && schemaPrompt(schema)].filter(Boolean).join('\n\n') };
}

function schemaPrompt(schema: JsonSchema): string {
  return `Answer with JSON that matches this JSON schema, and with nothing else:\n${JSON.stringify(schema)}`;
}

/**
 * Holds every wire to the same end: a stream that stops without its end event throws, an aborted one throws the
 * reason, and an error after part of the answer says so. (The SDKs end quietly in the first two cases.) Thoughts that a
 * model writes into its text are taken out of it. With the end event the stream is left: what happens to the connection
 * no longer matters.
 */
async function* complete(chunks: AsyncIterable<ProviderChunk>, signal: AbortSignal): AsyncGenerator<ProviderChunk> {
  let begun = false;
  const thoughts = thoughtSplitter();
  try {
    for await (const chunk of chunks) {
      begun ||= !BEFORE_WORDS.has(chunk.type);
      if (chunk.type === 'end' || chunk.type === 'toolCall') yield* thoughts.flush();
      if (chunk.type === 'text') yield* thoughts.push(chunk.text);
      else yield chunk;
      if (chunk.type === 'end') return;
    }
  } catch (error) {
    if (signal.aborted) throw abortReason(signal);
    if (error instanceof ProviderError || !begun) throw error;
    throw new StreamFailure(error, { midStream: true });
  }
  if (signal.aborted) throw abortReason(signal);
  throw new StreamFailure(new StreamCut(), { midStream: begun });
}

/** The connection closed before the provider said that it was done. */
class StreamCut extends Error {
  constructor() {
    super('the stream ended before the answer was complete');
    this.name = 'StreamCut';
  }
}

function abortReason(signal: AbortSignal): unknown {
  return typeof signal.reason === 'object' ? signal.reason : new DOMException('The call was aborted', 'AbortError');
}
