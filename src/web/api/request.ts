import { askForKey, currentKey } from './key.ts';

/** What the gateway refuses with (RFC 9457), or what the network did. */
export interface Problem {
  status: number;
  title: string;
  detail: string;
  errorType?: string;
  hint?: string;
  path?: string;
  requestId?: string;
  /** when it may be asked again */
  retryAfterSeconds?: number;
}

/** A request that was refused. */
export class RequestError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

export interface RequestOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** sent as JSON */
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** Asks the gateway, as the person who signed in; who is not yet, is asked to. @throws RequestError */
export async function request<Value>(path: string, options: RequestOptions = {}): Promise<Value> {
  const response = await send(path, options);
  return (response.status === 204 ? undefined : await response.json()) as Value;
}

/** The same, for answers that are read as they come. @throws RequestError, or what an aborted `fetch` throws */
export async function send(
  path: string,
  { method = 'GET', body, headers, signal }: RequestOptions = {},
): Promise<Response> {
  for (;;) {
    const key = currentKey();
    const response = await fetch(path, {
      method,
      signal,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    }).catch((error: unknown) => {
      if (signal?.aborted) throw error;
      throw new RequestError(UNREACHABLE);
    });
    if (response.ok) return response;
    if (response.status !== 401) throw new RequestError(await problemOf(response));
    await askForKey(key);
  }
}

/** What an error says to a person, whatever was thrown. */
export function problemOfError(error: unknown): Problem {
  if (error instanceof RequestError) return error.problem;
  const detail = error instanceof Error ? error.message : String(error);
  return { status: 0, title: 'Something went wrong on this page', detail };
}

const UNREACHABLE: Problem = {
  status: 0,
  title: 'The server does not answer',
  detail: 'The server cannot be reached.',
  hint: 'It may be starting, or the network is away. Runs go on meanwhile.',
};

async function problemOf(response: Response): Promise<Problem> {
  const said = (await response.json().catch(() => ({}))) as Partial<Problem> & { error?: { message?: string } };
  const { status, statusText, headers } = response;
  const detail = said.detail ?? said.error?.message ?? statusText;
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  const wait = Number.isFinite(seconds) && { retryAfterSeconds: seconds };
  return { ...said, status, title: said.title ?? statusText, detail, ...wait };
}
