import type { Context } from 'hono';
import type { Dialect, GatewayEnv } from './app.ts';
import { type Problem, problemResponse } from './problem.ts';

/** What goes wrong, in the words of the route's clients: their libraries know what to do with an error by its type. */
export function refuse(c: Context<GatewayEnv>, problem: Problem): Response {
  const response = inDialect(c.get('dialect') ?? dialectOf(c.req.path), problem, c.get('requestId'));
  if (problem.status === 401) response.headers.set('www-authenticate', 'Bearer');
  const { retryAfterSeconds } = problem;
  if (retryAfterSeconds !== undefined) response.headers.set('retry-after', String(retryAfterSeconds));
  return response;
}

function inDialect(dialect: Dialect, problem: Problem, requestId: string): Response {
  const { status } = problem;
  if (dialect === 'openai') return Response.json(inOpenAi(problem), { status });
  if (dialect === 'anthropic') return Response.json({ ...inAnthropic(problem), request_id: requestId }, { status });
  return problemResponse(problem, requestId);
}

/** Of a path that is no route of ours. */
function dialectOf(path: string): Dialect {
  return /^\/v1\/(chat|responses|embeddings|models)\b/.test(path) ? 'openai' : 'problem';
}

/** Types as in OpenAI's error reference (platform.openai.com/docs/guides/error-codes). */
const OPENAI_TYPES: Record<number, string> = {
  401: 'authentication_error',
  403: 'permission_error',
  429: 'rate_limit_error',
};

function inOpenAi({ status, detail, hint, path, errorType }: Problem) {
  const type = OPENAI_TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'server_error');
  return { error: { message: sentence(detail, hint), type, param: path ?? null, code: errorType } };
}

/** Types as in docs.claude.com/en/api/errors. */
const ANTHROPIC_TYPES: Record<number, string> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  529: 'overloaded_error',
};

function inAnthropic({ status, detail, hint }: Problem) {
  const type = ANTHROPIC_TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error');
  return { type: 'error', error: { type, message: sentence(detail, hint) } };
}

function sentence(detail: string, hint: string | undefined): string {
  return hint === undefined ? detail : `${detail} ${hint}`;
}
