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

/** as far as a timer reaches */
export const LONGEST_TIMER_MS = 2_147_483_647;

const SAYING: Record<TimeoutPhase, string> = {
  connect: 'The provider did not answer',
  firstToken: 'The provider sent nothing of its answer',
  betweenTokens: 'The provider sent nothing more',
  total: 'The provider did not finish',
};

/** The clocks of one call. They run only while the provider is waited for. */
export interface CallClocks {
  /** aborted when a clock ran out, so that the HTTP request ends too */
  signal: AbortSignal;
  /** Something came of the live stream. @param last the answer is whole: only the whole call's clock goes on */
  heard(last?: boolean): void;
  /** Passes a stream on, and ends it by a `ClockRanOut` when a clock ran out. */
  over(stream: AsyncIterable<ProviderChunk>): AsyncGenerator<ProviderChunk>;
}

/**
 * `connect` runs until the response begins; `firstToken` and `betweenTokens` measure silence, before the first token and
 * after it: anything heard starts them anew (docs/decisions/0008). `total` sums all the waiting.
 */
export function callClocks(limits: Required<Timeouts>): CallClocks {
  const ranOut = new AbortController();
  let phase: Exclude<TimeoutPhase, 'total'> = 'connect';
  let whole = false;
  let waitedMs = 0;
  let waitingSince: number | undefined;
  /** counts what was heard, so that a timer of a busy process does not overtake what already came */
  let sounds = 0;
  let fail: (error: ClockRanOut) => void = () => {};
  /** when they run out, by performance.now(): moved on with each sound, while one timer comes back to look at them */
  let silenceAt = Number.POSITIVE_INFINITY;
  let totalAt = Number.POSITIVE_INFINITY;
  let looksAt = Number.POSITIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;

  function runOut(which: TimeoutPhase): void {
    const known = sounds;
    // What came while this process was busy is read first.
    setImmediate(() =>
      setImmediate(() => {
        if (waitingSince === undefined || (which !== 'total' && sounds !== known)) return;
        const error = new ClockRanOut(which, limits[`${which}Ms`]);
        ranOut.abort(error);
        fail(error);
      }),
    );
  }

  function look(): void {
    looksAt = Number.POSITIVE_INFINITY;
    const now = performance.now();
    if (now >= silenceAt) {
      silenceAt = Number.POSITIVE_INFINITY;
      runOut(phase);
    }
    if (now >= totalAt) {
      totalAt = Number.POSITIVE_INFINITY;
      runOut('total');
    }
    lookInTime(now);
  }

  function lookInTime(now: number): void {
    const at = Math.min(silenceAt, totalAt);
    if (at >= looksAt) return;
    clearTimeout(timer);
    looksAt = at;
    timer = setTimeout(look, Math.min(Math.ceil(at - now), LONGEST_TIMER_MS));
  }

  function listen(): void {
    const now = performance.now();
    const isListening = !whole && waitingSince !== undefined;
    silenceAt = isListening ? now + limits[`${phase}Ms`] : Number.POSITIVE_INFINITY;
    lookInTime(now);
  }

  function wait(): void {
    waitingSince = performance.now();
    totalAt = waitingSince + Math.max(0, limits.totalMs - waitedMs);
    listen();
  }

  function pause(): void {
    if (waitingSince !== undefined) waitedMs += performance.now() - waitingSince;
    waitingSince = undefined;
    silenceAt = Number.POSITIVE_INFINITY;
    totalAt = Number.POSITIVE_INFINITY;
  }

  return {
    signal: ranOut.signal,
    heard(last = false) {
      sounds += 1;
      whole = last;
      listen();
    },
    async *over(stream) {
      const iterator = stream[Symbol.asyncIterator]();
      try {
        for (;;) {
          wait();
          const next = await new Promise<IteratorResult<ProviderChunk>>((resolve, reject) => {
            fail = reject;
            iterator.next().then(resolve, reject);
          });
          pause();
          if (next.done) return;
          sounds += 1;
          if (next.value.type === 'open') phase = 'firstToken';
          else if (next.value.type !== 'usage' && next.value.type !== 'kept') phase = 'betweenTokens';
          yield next.value;
        }
      } finally {
        pause();
        clearTimeout(timer);
        looksAt = Number.POSITIVE_INFINITY;
        // Not awaited: a stream that hangs would hang its own end.
        iterator.return?.()?.catch(() => {});
      }
    },
  };
}

export function timeoutError(clock: ClockRanOut, provider: string, model: string): CallError {
  const { message, phase, limitMs } = clock;
  return { type: 'Timeout', message, phase, limitMs, provider, model };
}
