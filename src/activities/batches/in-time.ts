import type { BatchWire } from '../../providers/index.ts';
import { ClockRanOut } from '../clocks.ts';

/** A wire that waits for its provider for so long, ms: requests have no timeout of their own.
 *  @throws ClockRanOut where no more results come */
export function inTime(wire: BatchWire, { submitMs, answerMs }: { submitMs: number; answerMs: number }): BatchWire {
  const soon = (signal: AbortSignal, withinMs = answerMs) => AbortSignal.any([signal, AbortSignal.timeout(withinMs)]);
  return {
    ...wire,
    submit: (batch, signal) => wire.submit(batch, soon(signal, submitMs)),
    find: (batch, signal) => wire.find(batch, soon(signal)),
    hasEnded: (id, signal) => wire.hasEnded(id, soon(signal)),
    cancel: (id, signal) => wire.cancel(id, soon(signal)),
    async *results(id, mark, signal) {
      const silent = new AbortController();
      const listen = () => setTimeout(() => silent.abort(new ClockRanOut('betweenTokens', answerMs)), answerMs);
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
