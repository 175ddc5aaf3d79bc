import type { CallError } from '../contract/index.ts';
import { UnreadableError } from './document.ts';

export interface Fetched {
  bytes: Uint8Array;
  mediaType: string;
  /** after redirects */
  url: string;
}

/** What a server, or the way to it, may mend by itself. */
export class UnreachableError extends Error {
  readonly error: CallError;

  constructor(error: CallError) {
    super(error.message);
    this.error = error;
  }
}

const ACCEPT = 'text/html, text/*, application/pdf, */*;q=0.5';

/**
 * Gets a page or file. @param fetch that reaches nothing it should not
 * @throws UnreadableError where it is not there, UnreachableError where it may be later, what `fetch` throws
 */
export async function fetchUrl(
  url: string,
  fetch: (url: string, init: RequestInit) => Promise<Response>,
): Promise<Fetched> {
  const response = await fetch(url, { headers: { accept: ACCEPT, 'user-agent': 'cadenza' } });
  const { status } = response;
  if (status === 200) {
    const mediaType = response.headers.get('content-type') ?? '';
    return { bytes: new Uint8Array(await response.arrayBuffer()), mediaType, url: response.url || url };
  }
  await response.body?.cancel();
  const message = `${url} answered ${status}`;
  if (status === 429 || status >= 500) throw new UnreachableError({ type: 'Unavailable', message, status });
  throw new UnreadableError(message);
}
