import { createParser } from 'eventsource-parser';
import { errorIn, noAnswer } from './error-in-body.ts';
import { patientFetch } from './patient-fetch.ts';
import type { ProviderCall } from './provider.ts';
import type { Loose } from './wire.ts';

/** One server-sent event, its data parsed where it is JSON. */
export interface StreamEvent {
  name?: string;
  data: unknown;
}

/** How one wire tells an answer in server-sent events. */
export interface Dialect {
  /** The event as the SDK reads it, whatever a gateway made of it; undefined where it tells nothing. */
  mended(event: StreamEvent): StreamEvent | undefined;
  /** Whether the answer is whole with this event: nothing follows (`end`), or only its bookkeeping (`last`). */
  standing(data: Loose, whole: boolean): 'going' | 'last' | 'end';
  /** True for an event that holds words, thoughts or calls. */
  speaks(data: Loose): boolean;
  /** The event at which the SDK throws this error. */
  failed(error: object): StreamEvent;
  /** A whole answer, sent though a stream was asked for, as the events of a stream. */
  unstreamed(body: Loose): StreamEvent[];
}

/** What was seen of a response below the SDK. */
export interface Seen {
  headers?: Headers;
  /** the stream came to its own end (a terminal event, `[DONE]`), not just to the end of the body */
  ended: boolean;
}

type Listening = Pick<ProviderCall, 'heard' | 'answered' | 'onSent' | 'onHeaders'>;

/** How long the usage and the terminal event are waited for once the answer is whole, ms. */
const LAST_WORDS_MS = 2_000;
/** How long the end of the body is waited for after its terminal event, ms. Nobody waits for it meanwhile. */
const DRAINED_WITHIN_MS = 250;
const DONE = '[DONE]';
/** Words, and names of events, by which a server says no more than that it is still there. */
const KEEP_ALIVE = /^\W*(ping|pong|keep[-_ ]?alive|heart[-_ ]?beat|processing|waiting|pending|queued)\W*$/i;

/**
 * A `fetch` for one call that reads the answer's events before the SDK does: every byte is heard, an event is mended
 * into the form the SDK reads, JSON becomes a stream, and the terminal event ends the body, which some servers leave
 * open.
 */
export function listeningFetch(
  dialect: Dialect,
  { heard, ...listening }: Listening,
): { fetch: typeof globalThis.fetch; seen: Seen } {
  const encoder = new TextEncoder();
  const seen: Seen = { ended: false };
  const fetch = fetchInto(seen, listening, (body) =>
    mended(body, dialect, seen, heard, ({ name, data }, asItCame) => {
      const text = (asItCame?.includes('\n') ? undefined : asItCame) ?? JSON.stringify(data);
      return encoder.encode(`${name ? `event: ${name}\n` : ''}data: ${text}\n\n`);
    }),
  );
  return { seen, fetch };
}

/** The same for a wire that reads the events itself, so that they are parsed only once: the response has no body then. */
export function listeningEvents(
  dialect: Dialect,
  { heard, ...listening }: Listening,
): { fetch: typeof globalThis.fetch; seen: Seen; events(): AsyncIterable<StreamEvent> } {
  const seen: Seen = { ended: false };
  let events: AsyncIterable<StreamEvent> | undefined;
  const fetch = fetchInto(seen, listening, (body) => {
    events = mended(body, dialect, seen, heard, (event) => event);
    return null;
  });
  return { seen, fetch, events: () => events ?? noEvents() };
}

async function* noEvents(): AsyncGenerator<StreamEvent> {}

function fetchInto(
  seen: Seen,
  { answered, onSent, onHeaders }: Omit<Listening, 'heard'>,
  take: (body: ReadableStream<Uint8Array>) => ReadableStream<Uint8Array> | null,
): typeof fetch {
  return async (input, init) => {
    const response = answered === undefined ? await patientFetch(input, init, onSent) : Response.json(answered);
    seen.headers = response.headers;
    if (answered === undefined) onHeaders?.(response.headers);
    if (!response.ok) return refusal(response);
    if (!response.body) return response;
    const headers = new Headers(response.headers);
    headers.set('content-type', 'text/event-stream; charset=utf-8');
    for (const name of ['content-length', 'content-encoding']) headers.delete(name);
    return new Response(take(response.body), { status: response.status, headers });
  };
}

/** A refusal in the one form all SDKs read, so that nothing that stands beside its error is lost. */
async function refusal(response: Response): Promise<Response> {
  const { status, statusText } = response;
  const text = await response.text();
  const value = parsed(text);
  const error = errorIn(Array.isArray(value) ? value[0] : value);
  const headers = new Headers(response.headers);
  for (const name of ['content-length', 'content-encoding']) headers.delete(name);
  return new Response(error ? JSON.stringify({ error }) : text, { status, statusText, headers });
}

/** @param form of an event, and its data as it came, where that says the same */
function mended<Form>(
  body: ReadableStream<Uint8Array>,
  dialect: Dialect,
  seen: Seen,
  heard: ProviderCall['heard'],
  form: (event: StreamEvent, asItCame?: string) => Form,
): ReadableStream<Form> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parser = createParser({
    onEvent: ({ event, data }) => readEvent(event, data),
    // Some servers write an error as a bare line of JSON between the events.
    onError: ({ line }) => {
      if (line?.startsWith('{') && parsed(line) !== undefined) readEvent(undefined, line);
    },
  });
  /** the body so far, as long as it is not known for a stream of events */
  let unknown: string | undefined = '';
  let passed = 0;
  let whole = false;
  let spoke = false;
  /** went on after it was whole: some servers name a finish reason in every event */
  let wentOn = false;
  let atEnd = false;
  let closed = false;
  let grace: NodeJS.Timeout | undefined;
  let controller: ReadableStreamDefaultController<Form>;

  function close(): void {
    if (closed) return;
    closed = true;
    clearTimeout(grace);
    controller.close();
    void drain();
  }

  /** A body that ends by itself leaves its connection to the next call; one that stays open is cancelled. */
  async function drain(): Promise<void> {
    const late = setTimeout(() => reader.cancel().catch(() => {}), DRAINED_WITHIN_MS);
    late.unref();
    try {
      while (!(await reader.read()).done);
    } catch {
      // The answer is whole: what becomes of the connection no longer matters.
    } finally {
      clearTimeout(late);
    }
  }

  function readEvent(name: string | undefined, text: string): void {
    if (KEEP_ALIVE.test(name ?? '') || KEEP_ALIVE.test(text) || text.trim() === '') return;
    const values = jsonValues(text);
    const asItCame = values?.length === 1 && text.startsWith('{') ? text : undefined;
    if (values) for (const data of values) read({ name, data }, asItCame);
    // What is cut off by the end of the body is no message.
    else if (!atEnd) end(dialect.failed({ message: text }));
  }

  /** @param text the event's data as it came */
  function read(event: StreamEvent, text?: string) {
    if (closed) return;
    if (event.data === DONE) return end();
    const error = errorIn(event.data);
    // What goes wrong after a whole answer takes nothing of it away.
    if (error) return end(whole && spoke && !wentOn ? undefined : dialect.failed(error));
    const clean = dialect.mended(event);
    if (!clean) return;
    const standing = dialect.standing(clean.data, whole);
    if (standing === 'end') return end(clean);
    const speaks = dialect.speaks(clean.data);
    spoke ||= speaks;
    if (whole && speaks) wentOn = true;
    pass(clean, clean.data === event.data ? text : undefined);
    if (standing === 'last') whole = true;
    clearTimeout(grace);
    if (whole && !wentOn) grace = setTimeout(close, LAST_WORDS_MS);
  }

  /** @param event the terminal one; `[DONE]` is none that every SDK knows */
  function end(event?: StreamEvent): void {
    if (closed) return;
    seen.ended = true;
    if (event) pass(event);
    close();
  }

  function pass(event: StreamEvent, asItCame?: string): void {
    passed += 1;
    controller.enqueue(form(event, asItCame));
  }

  function readUnstreamed(text: string) {
    for (const value of jsonValues(text) ?? []) {
      const error = errorIn(value);
      if (error) return end(dialect.failed(error));
      for (const event of dialect.unstreamed(value)) read(event);
    }
    if (passed > 0) seen.ended = true;
    else if (text.trim() !== '') end(dialect.failed(noAnswer(text)));
  }

  /** True for JSON that holds the end of an answer: its body may stay open. */
  function isWhole(text: string): boolean {
    const last = /[}\]]\s*$/.test(text) ? jsonValues(text)?.at(-1) : undefined;
    if (last === undefined) return false;
    return (
      Boolean(errorIn(last)) || dialect.unstreamed(last).some(({ data }) => dialect.standing(data, false) !== 'going')
    );
  }

  function feed(text: string) {
    if (unknown === undefined) return parser.feed(text);
    unknown = (unknown + text).replace(/^(\s*:[^\r\n]*[\r\n])+/, '').trimStart();
    if (!/^(data|event|id|retry):/.test(unknown)) {
      if (!isWhole(unknown)) return;
      readUnstreamed(unknown);
      return close();
    }
    const begun = unknown;
    unknown = undefined;
    parser.feed(begun);
  }

  return new ReadableStream({
    start(given) {
      controller = given;
    },
    async pull() {
      try {
        for (const before = passed; !closed && passed === before; ) {
          const { done, value } = await reader.read();
          feed(done ? decoder.decode() : decoder.decode(value, { stream: true }));
          if (!done) heard?.(whole && !wentOn);
          if (!done) continue;
          atEnd = true;
          // The last event may lack the empty line that ends it.
          if (unknown === undefined) parser.feed('\n\n');
          else readUnstreamed(unknown);
          close();
        }
      } catch (error) {
        // What happens to the connection after a whole answer no longer matters.
        if (whole) close();
        if (closed) return;
        closed = true;
        clearTimeout(grace);
        controller.error(error);
      }
    },
    async cancel(reason) {
      closed = true;
      clearTimeout(grace);
      await reader.cancel(reason).catch(() => {});
    },
  });
}

/** The JSON values of a text: one, those of a list, or one a line; undefined where it is no JSON. */
function jsonValues(text: string): unknown[] | undefined {
  const one = parsed(text);
  if (one !== undefined) return Array.isArray(one) ? one : [one];
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const values = lines.map((line) => parsed(line.replace(/^data:/, '')));
  return lines.length === 0 || values.includes(undefined) ? undefined : values;
}

function parsed(text: string): unknown {
  if (text.trim() === DONE) return DONE;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
