import type { RunEvent } from '../contract/index.ts';
import { type Awaited, awaitedId, type Part } from './parts.ts';
import { partReader } from './read-parts.ts';

/** So long nothing is heard of a run that waits for its reader before the reader is told so, ms: what was written
 *  together may come apart. Where a tool was asked for that was not heard of, it may be about to begin. */
const QUIET_MS = { idle: 100, unclear: 1_000 };

export interface FollowOptions {
  /** the events from the first one on, by what is there at once */
  pages(signal: AbortSignal): AsyncIterable<RunEvent[]>;
  /** of a conversation: the message whose answer is followed */
  message?: string;
  signal?: AbortSignal;
  /** ids of what the run waits for and was given already: it goes on by itself */
  given?: ReadonlySet<string>;
}

/** What a run says, by what is there at once; `awaits`: it says no more until its reader gives what it waits for. */
export type Followed = { parts: Part[]; seq: number } | { awaits: Awaited[]; seq: number };

/**
 * Follows what a run says until it has ended, or waits for nobody but its reader.
 *
 *   events --> parts --> parts --> (only the reader can go on, and nothing is heard for a moment) --> awaits
 */
export async function* followParts({ pages, message, signal, given }: FollowOptions): AsyncGenerator<Followed> {
  const reader = partReader(message);
  const enough = new AbortController();
  const iterator = pages(signal ? AbortSignal.any([signal, enough.signal]) : enough.signal)[Symbol.asyncIterator]();
  let coming: Promise<IteratorResult<RunEvent[]>> | undefined;
  let seq = 0;
  try {
    for (;;) {
      coming ??= iterator.next();
      const awaits = reader.awaited().filter((awaited) => !given?.has(awaitedId(awaited)));
      const tools = reader.tools();
      const page = await (awaits.length === 0 || tools === 'working' ? coming : withinQuiet(coming, QUIET_MS[tools]));
      if (page === 'quiet') {
        yield { awaits, seq };
        return;
      }
      coming = undefined;
      if (page.done) return;
      const parts = page.value.flatMap(reader.read);
      seq = page.value.at(-1)?.seq ?? seq;
      if (parts.length > 0) yield { parts, seq };
      if (parts.some(({ type }) => type === 'end')) return;
    }
  } finally {
    enough.abort();
    coming?.catch(() => {});
    void iterator.return?.().catch(() => {});
  }
}

async function withinQuiet<Value>(coming: Promise<Value>, quietMs: number): Promise<Value | 'quiet'> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const quiet = new Promise<'quiet'>((resolve) => {
    timer = setTimeout(() => resolve('quiet'), quietMs);
  });
  try {
    return await Promise.race([coming, quiet]);
  } finally {
    clearTimeout(timer);
  }
}
