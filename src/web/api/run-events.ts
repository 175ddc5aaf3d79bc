import { EventSourceParserStream } from 'eventsource-parser/stream';
import type { RunEvent } from '../../contract/index.ts';
import { RequestError, send } from './request.ts';

/** `live`: events come as they happen; `away`: the server does not answer, and is asked again; `ended`: that was all. */
export type StreamState = 'connecting' | 'live' | 'away' | 'ended';

export interface FollowOptions {
  /** after the event of this number */
  after?: number;
  signal: AbortSignal;
  /** Gets each event once, in order, all of one frame together. */
  onEvents(events: RunEvent[]): void;
  onState?(state: StreamState): void;
}

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;
/** The gateway says something every 15 s; a connection silent for longer is not one. */
const SILENCE_MS = 40_000;
/** After so long without an event a page that nobody sees lets go of its connection: browsers have six for a server. */
const RESTS_AFTER_MS = 5_000;

/**
 * Follows the events of a run to its end, over lost connections and restarts of the server: it goes on after the last event
 * it has. Resolves when the run has ended or the signal is aborted. @throws RequestError where the run cannot be read
 */
export async function followRun(id: string, { after = 0, signal, onEvents, onState }: FollowOptions): Promise<void> {
  const frame = framed(onEvents);
  let cursor = after;
  let waitMs = FIRST_WAIT_MS;
  let state: StreamState | undefined;
  const tell = (next: StreamState) => {
    if (state !== next && !signal.aborted) onState?.(next);
    state = next;
  };
  tell('connecting');
  while (!signal.aborted) {
    const silence = new AbortController();
    let restMs = 0;
    const rest = unseenRest();
    try {
      const reading = AbortSignal.any([signal, silence.signal, rest.signal]);
      const response = await send(`/v1/runs/${encodeURIComponent(id)}/events?after=${cursor}`, { signal: reading });
      if (response.status === 204) break;
      tell('live');
      let isOver = false;
      for await (const event of eventsOf(response, silence)) {
        rest.putOff();
        waitMs = FIRST_WAIT_MS;
        if (event.seq <= cursor) continue;
        cursor = event.seq;
        frame.add(event);
        isOver ||= END.has(event.type);
      }
      if (isOver) break;
    } catch (error) {
      if (signal.aborted) break;
      if (error instanceof RequestError && !isPassing(error.problem.status)) throw error;
      if (error instanceof RequestError) restMs = (error.problem.retryAfterSeconds ?? 0) * 1_000;
    } finally {
      rest.end();
    }
    if (rest.signal.aborted) {
      frame.flush();
      await untilSeen(signal);
      continue;
    }
    tell('away');
    await pause(Math.max(waitMs, restMs), signal);
    waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 2);
  }
  frame.flush();
  tell('ended');
}

const END = new Set(['run.completed', 'run.failed', 'run.cancelled']);

function isPassing(status: number): boolean {
  return status === 0 || status === 429 || status >= 500;
}

async function* eventsOf({ body }: Response, silence: AbortController): AsyncGenerator<RunEvent> {
  const listen = () => setTimeout(() => silence.abort(), SILENCE_MS);
  let timer = listen();
  const heard = () => {
    clearTimeout(timer);
    timer = listen();
  };
  const messages = body!
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream({ onComment: heard }))
    .getReader();
  try {
    for (;;) {
      const { done, value } = await messages.read();
      if (done) return;
      heard();
      yield JSON.parse(value.data) as RunEvent;
    }
  } finally {
    clearTimeout(timer);
    await messages.cancel().catch(() => {});
  }
}

/** Aborts once the page has been out of sight for a while in which nothing came. */
function unseenRest() {
  const rest = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  function putOff() {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(() => rest.abort(), RESTS_AFTER_MS);
  }
  putOff();
  document.addEventListener('visibilitychange', putOff);
  return {
    signal: rest.signal,
    putOff,
    end() {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', putOff);
    },
  };
}

/** Gathers events until the page is drawn next; a page nobody sees is not drawn, so a timer is behind it. */
function framed(onEvents: (events: RunEvent[]) => void) {
  let gathered: RunEvent[] = [];
  let frame = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  function flush() {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    timer = undefined;
    const events = gathered;
    gathered = [];
    if (events.length > 0) onEvents(events);
  }
  return {
    add(event: RunEvent) {
      gathered.push(event);
      if (timer !== undefined) return;
      timer = setTimeout(flush, 200);
      frame = requestAnimationFrame(flush);
    },
    flush,
  };
}

async function untilSeen(signal: AbortSignal): Promise<void> {
  while (document.hidden && !signal.aborted) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const now = () => resolve();
    document.addEventListener('visibilitychange', now);
    signal.addEventListener('abort', now);
    await promise;
    document.removeEventListener('visibilitychange', now);
    signal.removeEventListener('abort', now);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  // Back on the network, or before somebody's eyes again, it is tried at once.
  const now = () => resolve();
  globalThis.addEventListener('online', now);
  document.addEventListener('visibilitychange', now);
  signal.addEventListener('abort', now);
  await promise;
  clearTimeout(timer);
  globalThis.removeEventListener('online', now);
  document.removeEventListener('visibilitychange', now);
  signal.removeEventListener('abort', now);
}
