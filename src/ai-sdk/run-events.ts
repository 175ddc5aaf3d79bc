import { createParser } from 'eventsource-parser';
import type { RunEvent } from '../contract/index.ts';
import { type AskGateway, GatewayError } from './gateway-request.ts';

/** Waits before the events are asked for again where the connection broke, ms: doubled each time, up to the longest. */
const AGAIN_MS = { first: 100, longest: 5_000 };
/** How often in a row it may fail to be reached: about a minute. */
const MOST_FAILURES = 16;

/**
 * The events of a run by what came together, live. A connection that breaks is made again, and goes on after the last
 * event that was heard: nothing is lost or told twice.
 * @throws GatewayError what the gateway refuses; TypeError once it cannot be reached for a minute
 */
export async function* runEvents(ask: AskGateway, run: string, signal: AbortSignal): AsyncGenerator<RunEvent[]> {
  let heard = 0;
  for (let failures = 0; ; failures += 1) {
    try {
      const path = `/v1/runs/${encodeURIComponent(run)}/events`;
      const headers = { accept: 'text/event-stream', 'last-event-id': `${heard}` };
      const response = await ask(path, { signal, headers });
      if (response.status === 204 || !response.body) return;
      for await (const events of eventsIn(response.body)) {
        failures = 0;
        heard = events.at(-1)!.seq;
        yield events;
        if (events.some(({ type }) => ENDS.includes(type))) return;
      }
    } catch (thrown) {
      if (signal.aborted) return;
      if (!mayPass(thrown, failures)) throw thrown;
    }
    await pause(failures, signal);
    if (signal.aborted) return;
  }
}

/** Asks again where the gateway cannot be reached, as the events are asked for. */
export async function reached<Value>(act: () => Promise<Value>, signal?: AbortSignal): Promise<Value> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await act();
    } catch (thrown) {
      if (signal?.aborted || !mayPass(thrown, failures)) throw thrown;
    }
    await pause(failures, signal);
  }
}

function mayPass(thrown: unknown, failures: number): boolean {
  const isTheirs = thrown instanceof GatewayError && thrown.status < 500 && thrown.status !== 429;
  return !isTheirs && failures < MOST_FAILURES;
}

const ENDS: RunEvent['type'][] = ['run.completed', 'run.failed', 'run.cancelled'];

async function* eventsIn(body: ReadableStream<Uint8Array>): AsyncGenerator<RunEvent[]> {
  let events: RunEvent[] = [];
  const parser = createParser({ onEvent: ({ data }) => void events.push(JSON.parse(data) as RunEvent) });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      if (events.length > 0) yield events;
      events = [];
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function pause(failures: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.min(AGAIN_MS.longest, AGAIN_MS.first * 2 ** failures));
    const hurry = () => {
      clearTimeout(timer);
      resolve();
    };
    signal?.addEventListener('abort', hurry, { once: true });
  });
}
