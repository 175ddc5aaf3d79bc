import type { BatchWire } from '../../providers/index.ts';
import { ClockRanOut } from '../clocks.ts';

/** A wire that waits for its provider for so long: requests have no timeout of their own. A submission has one of its own.
 *  @throws ClockRanOut where no more results come */
export function inTime(wire: BatchWire, withinMs: number): BatchWire {
  const soon = (signal: AbortSignal) => AbortSignal.any([signal, AbortSignal.timeout(withinMs)]);
  return {
    ...wire,
    find: (batch, signal) => wire.find(batch, soon(signal)),
    hasEnded: (id, signal) => wire.hasEnded(id, soon(signal)),
    cancel: (id, signal) => wire.cancel(id, soon(signal)),
    async *results(id, mark, signal) {
      const silent = new AbortController();
      const listen = () => setTimeout(() => silent.abort(new ClockRanOut('betweenTokens', withinMs)), withinMs);
      let timer = listen();
      try {
        for await (const result of wire.results(id, mark, AbortSignal.any([signal, silent.signal]))) {
          clearTimeout(timer);
          yield result;
          timer = listen();
        }
      } catch (thrown) {
        silent.signal.throwIfAborted();
        throw thrown;
      } finally {
        clearTimeout(timer);
      }
      // Results that were cut off are not all of them.
      silent.signal.throwIfAborted();
    },
  };
}
