import type { Context } from 'hono';
import type { Dialect, GatewayEnv } from './app.ts';
import { anthropicError, anthropicStatus, mayRetry, openAiError } from './dialects/errors.ts';
import { type Problem, problemResponse } from './problem.ts';

/** What goes wrong, in the words of the route's clients: their libraries know what to do with an error by its type. */
export function refuse(c: Context<GatewayEnv>, problem: Problem): Response {
  const response = inDialect(c.get('dialect') ?? dialectOf(c.req.path), problem, c.get('requestId'));
  if (problem.status === 401) response.headers.set('www-authenticate', 'Bearer');
  const { retryAfterSeconds } = problem;
  if (retryAfterSeconds !== undefined) response.headers.set('retry-after', String(retryAfterSeconds));
  if (!mayRetry(problem)) response.headers.set('x-should-retry', 'false');
  return response;
}

function inDialect(dialect: Dialect, problem: Problem, requestId: string): Response {
  if (dialect === 'openai') return Response.json(openAiError(problem), { status: problem.status });
  if (dialect === 'anthropic') {
    const status = anthropicStatus(problem);
    return Response.json({ ...anthropicError(problem), request_id: requestId }, { status });
  }
  return problemResponse(problem, requestId);
}

/** Of a path that is no route of ours. */
function dialectOf(path: string): Dialect {
  if (/^\/v1\/messages\b/.test(path)) return 'anthropic';
  return /^\/v1\/(chat|responses|embeddings|models)\b/.test(path) ? 'openai' : 'problem';
}
