import type { ProviderChunk } from './provider.ts';
import { ProviderError, StreamFailure } from './wire.ts';

/**
 * Holds every wire to the same end: a stream that stops without its end event throws, an aborted one throws the
 * reason, and an error after part of the answer says so. (The SDKs end quietly in the first two cases.) With the end
 * event the stream is left: what happens to the connection no longer matters.
 */
export async function* completeStream(
  chunks: AsyncIterable<ProviderChunk>,
  signal: AbortSignal,
): AsyncGenerator<ProviderChunk> {
  let begun = false;
  try {
    for await (const chunk of chunks) {
      begun ||= chunk.type !== 'open' && chunk.type !== 'usage';
      yield chunk;
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
export class StreamCut extends Error {
  constructor() {
    super('the stream ended before the answer was complete');
    this.name = 'StreamCut';
  }
}

function abortReason(signal: AbortSignal): unknown {
  return typeof signal.reason === 'object' ? signal.reason : new DOMException('The call was aborted', 'AbortError');
}
