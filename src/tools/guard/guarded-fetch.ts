import { lookup } from 'node:dns';
import { createRequire } from 'node:module';
import { isIP } from 'node:net';
import type { Dispatcher } from 'undici';
import { isPrivateAddress, PrivateAddressError, publicLookup, publicLookupBy } from '../../config/index.ts';
import type { Reach } from '../../contract/index.ts';
import { type ToolContext, ToolFailure } from '../tool.ts';
import { checkReach, denied, hostNameOf, isNamedBy } from './reach.ts';

const MAX_REDIRECTS = 5;
const CONNECT_WITHIN_MS = 10_000;
/** Headers that follow a redirect to another origin: none of them holds a key. */
const HARMLESS = new Set(['accept', 'accept-language', 'content-type', 'user-agent']);

export interface GuardOptions {
  /** hosts that may be asked though their addresses are private: `127.0.0.1`, `search.internal:8080`, `*.internal` */
  privateHosts: string[];
  signal?: AbortSignal;
  /** longest answer, as it is after decompression; may be Infinity */
  maxBytes: number;
  /** longest time to the answer's last byte, redirects and all; may be Infinity */
  timeoutMs: number;
  /** how names are looked up, if not as the system does */
  resolve?: typeof lookup;
}

interface Hop {
  url: URL;
  method: string;
  headers: Headers;
  body?: Uint8Array<ArrayBuffer>;
}

/** Loaded with the first request: commands that ask nobody do not wait for it. */
const load = createRequire(import.meta.url);
const undici = (): typeof import('undici') => load('undici');

interface Agents {
  publicOnly: Dispatcher;
  anywhere: Dispatcher;
}

function agentsWith(publicNames: typeof publicLookup, names: typeof lookup): Agents {
  const { Agent } = undici();
  // The guard has clocks of its own.
  const clocks = { headersTimeout: 0, bodyTimeout: 0 };
  const agent = (dns: typeof publicLookup | typeof lookup) =>
    new Agent({ connect: { timeout: CONNECT_WITHIN_MS, lookup: dns }, ...clocks });
  return { publicOnly: agent(publicNames), anywhere: agent(names) };
}

let shared: Agents | undefined;

/** Those of all who look names up as the system does. */
function sharedAgents(): Agents {
  shared ??= agentsWith(publicLookup, lookup);
  return shared;
}

/**
 * The `fetch` of a tool: it asks only hosts and methods of its reach, and of those only what is on the public internet.
 * Addresses are checked as they are connected to, so a name that is looked up twice gains nothing; each redirect is a
 * request like the first, and carries no keys to another origin.
 * @throws ToolFailure ToolDenied, Timeout, ConnectionLost, or ToolFailed for an answer that is too long, also while its
 * body is read
 */
export function guardedFetch(reach: Reach | undefined, options: GuardOptions): ToolContext['fetch'] {
  const { privateHosts, resolve } = options;
  const own = resolve && agentsWith(publicLookupBy(resolve), resolve);

  function dispatcherFor(url: URL): Dispatcher {
    const agents = own ?? sharedAgents();
    if (privateHosts.some((host) => isNamedBy(host, url))) return agents.anywhere;
    const host = hostNameOf(url);
    if (isIP(host) && isPrivateAddress(host)) throw privateNetwork(url);
    return agents.publicOnly;
  }

  return async (given, init) => {
    const { hop: first, redirect, signal: callers } = await firstHop(given, init);
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, callers, ...(options.signal ? [options.signal] : [])]);
    const clock = clockFor(options.timeoutMs, first.url, over);
    const failed = (thrown: unknown, url: URL) => {
      clearTimeout(clock);
      return signal.aborted ? signal.reason : asFailure(thrown, url);
    };

    for (let hop = first, redirects = 0; ; redirects++) {
      try {
        checkReach(reach, hop.method, hop.url);
        const dispatcher = dispatcherFor(hop.url);
        const response = await undici().fetch(hop.url, {
          ...hop,
          headers: [...hop.headers],
          redirect: 'manual',
          signal,
          dispatcher,
        });
        const next =
          redirect === 'manual' ? undefined : nextHop(hop, response.status, response.headers.get('location'));
        if (next === undefined) return answered(response as unknown as Response, hop);
        await response.body?.cancel();
        if (redirect === 'error') throw denied(`${hop.url.host} redirects to ${next.url.host}`, 'Ask there at once');
        if (redirects === MAX_REDIRECTS)
          throw brokenOff(`${first.url.host} redirects more than ${MAX_REDIRECTS} times`);
        hop = next;
      } catch (thrown) {
        throw failed(thrown, hop.url);
      }
    }

    function answered(response: Response, { url, method }: Hop): Response {
      const told = method === 'HEAD' ? 0 : Number(response.headers.get('content-length') ?? 0);
      if (told > options.maxBytes) throw abort(tooLong(url));
      if (response.body === null) clearTimeout(clock);
      const body = response.body && limitedBody(response.body.getReader(), url);
      const { status, statusText, headers } = response;
      const copy = new Response(body, { status, statusText, headers: [...headers] });
      return Object.defineProperty(copy, 'url', { value: url.href });
    }

    function limitedBody(reader: ReadableStreamDefaultReader<Uint8Array>, url: URL): ReadableStream<Uint8Array> {
      let bytes = 0;
      return new ReadableStream({
        async pull(controller) {
          const { done, value } = await reader.read().catch((thrown) => {
            throw failed(thrown, url);
          });
          bytes += value?.byteLength ?? 0;
          if (bytes > options.maxBytes) throw abort(tooLong(url));
          if (!done) return controller.enqueue(value);
          clearTimeout(clock);
          controller.close();
        },
        cancel(reason) {
          clearTimeout(clock);
          return reader.cancel(reason);
        },
      });
    }

    /** Hangs up. */
    function abort(reason: ToolFailure): ToolFailure {
      clearTimeout(clock);
      over.abort(reason);
      return reason;
    }

    function tooLong(url: URL): ToolFailure {
      return brokenOff(
        `The answer of ${url.host} is longer than ${options.maxBytes} bytes`,
        'The limit is toolSettings.maxBytes in cadenza.config.ts',
      );
    }
  };
}

/** What is asked first; its body is kept whole, as a redirect may ask for it again. */
async function firstHop(given: string | URL, init: RequestInit = {}) {
  try {
    const url = new URL(given);
    if (url.username || url.password) throw denied('An address with a password in it is not asked', 'Use a header');
    const request = new Request(url, { duplex: 'half', ...init });
    const { method, redirect, signal } = request;
    const headers = new Headers(request.headers);
    // It would lead past the list of hosts, where one server answers for many.
    headers.delete('host');
    const body = request.body === null ? undefined : new Uint8Array(await request.arrayBuffer());
    const hop: Hop = { url, method, headers, body };
    return { hop, redirect, signal };
  } catch (thrown) {
    if (thrown instanceof ToolFailure || init.signal?.aborted) throw thrown;
    const message = `There is no such request: ${thrown instanceof Error ? thrown.message : thrown}`;
    throw new ToolFailure({ type: 'InvalidRequest', message }, { cause: thrown });
  }
}

/** Where an answer leads. Methods and bodies change as browsers do it: https://fetch.spec.whatwg.org/#http-redirect-fetch */
function nextHop(hop: Hop, status: number, location: string | null): Hop | undefined {
  if (![301, 302, 303, 307, 308].includes(status) || location === null) return undefined;
  const url = new URL(location, hop.url);
  if (url.username || url.password)
    throw denied('A redirect to an address with a password in it', 'It is not followed');
  const isSameOrigin = url.origin === hop.url.origin;
  const headers = new Headers([...hop.headers].filter(([name]) => isSameOrigin || HARMLESS.has(name)));
  const reads = hop.method === 'GET' || hop.method === 'HEAD';
  const becomesGet = status === 303 ? !reads : status < 303 && hop.method === 'POST';
  if (!becomesGet) return { ...hop, url, headers };
  headers.delete('content-type');
  return { url, method: 'GET', headers };
}

function clockFor(timeoutMs: number, url: URL, over: AbortController): NodeJS.Timeout | undefined {
  if (timeoutMs === Number.POSITIVE_INFINITY) return undefined;
  const error = {
    type: 'Timeout',
    message: `${url.host} did not answer within ${timeoutMs / 1_000} s`,
    hint: 'The limit is toolSettings.fetchTimeout in cadenza.config.ts',
    phase: 'total',
    limitMs: timeoutMs,
  } as const;
  return setTimeout(() => over.abort(new ToolFailure(error, { retryable: true })), timeoutMs).unref();
}

function asFailure(thrown: unknown, url: URL): unknown {
  if (thrown instanceof ToolFailure) return thrown;
  const { message, cause } = thrown instanceof Error ? thrown : { message: String(thrown) };
  if (cause instanceof PrivateAddressError) return privateNetwork(url);
  const reason = cause instanceof Error && cause.message ? cause.message : message;
  return new ToolFailure(
    { type: 'ConnectionLost', message: `${url.host} could not be asked: ${reason}` },
    { cause: thrown, retryable: true },
  );
}

/** Whoever asks does not learn which address it is. */
function privateNetwork(url: URL): ToolFailure {
  return denied(
    `${url.host} is on a private network`,
    'Its host may be allowed in cadenza.config.ts, under toolSettings.privateHosts',
  );
}

function brokenOff(message: string, hint?: string): ToolFailure {
  return new ToolFailure({ type: 'ToolFailed', message, hint });
}
