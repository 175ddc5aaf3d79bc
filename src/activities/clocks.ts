import type { CallError, TimeoutPhase, Timeouts } from '../contract/index.ts';
import type { ProviderChunk } from '../providers/index.ts';

/** Thrown into a stream whose clock ran out. */
export class ClockRanOut extends Error {
  readonly phase: TimeoutPhase;
  readonly limitMs: number;

  constructor(phase: TimeoutPhase, limitMs: number) {
    super(`${SAYING[phase]} within ${limitMs} ms`);
    this.phase = phase;
    this.limitMs = limitMs;
  }
}

const SAYING: Record<TimeoutPhase, string> = {
  connect: 'The provider did not answer',
  firstToken: 'The provider sent no first token',
  betweenTokens: 'The provider sent no further token',
  total: 'The provider did not finish',
};

/**
 * Passes a provider's stream on, and ends it by an error when one of the call's clocks runs out.
 * `abort` is called then, so that the HTTP request ends too.
 */
export async function* timed(
  stream: AsyncIterable<ProviderChunk>,
  timeouts: Required<Timeouts>,
  abort: (reason: ClockRanOut) => void,
): AsyncGenerator<ProviderChunk> {
  let fire: (error: ClockRanOut) => void = () => {};
  const ranOut = new Promise<never>((_, reject) => {
    fire = (error) => {
      abort(error);
      reject(error);
    };
  });
  ranOut.catch(() => {});
  const startTimer = (phase: TimeoutPhase, ms: number) => setTimeout(() => fire(new ClockRanOut(phase, ms)), ms);
  const total = startTimer('total', timeouts.totalMs);
  let phase = startTimer('connect', timeouts.connectMs);
  const iterator = stream[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), ranOut]);
      if (next.done) return;
      clearTimeout(phase);
      phase =
        next.value.type === 'open'
          ? startTimer('firstToken', timeouts.firstTokenMs)
          : startTimer('betweenTokens', timeouts.betweenTokensMs);
      yield next.value;
    }
  } finally {
    clearTimeout(phase);
    clearTimeout(total);
    // Not awaited: a stream that hangs would hang its own end.
    iterator.return?.()?.catch(() => {});
  }
}

export function timeoutError(clock: ClockRanOut, provider: string, model: string): CallError {
  return { type: 'Timeout', message: clock.message, phase: clock.phase, provider, model };
}
