import { z } from '@hono/zod-openapi';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { CadenzaError, type ClientErrorCode, isStoreError } from '../client/errors.ts';
import type { CallError } from '../contract/index.ts';

/** RFC 9457. `errorType` is a CallError type, or one of the words below for what only HTTP knows. */
export const Problem = z
  .object({
    type: z.string().openapi({ example: 'urn:cadenza:problem:InvalidRequest' }),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    errorType: z.string(),
    path: z.string().optional().openapi({ example: 'input.policy.candidates[0]' }),
    hint: z.string().optional(),
    step: z.string().optional(),
    provider: z.string().optional(),
    model: z.string().optional(),
    /** when it may be asked again; also in the header Retry-After */
    retryAfterSeconds: z.number().int().optional(),
    /** which HTTP request this answers, as in the log */
    requestId: z.string().optional(),
  })
  .openapi('Problem');
export type Problem = z.infer<typeof Problem>;

const STATUS: Record<ClientErrorCode, { status: number; title: string }> = {
  InvalidRequest: { status: 400, title: 'The request is not usable' },
  Forbidden: { status: 403, title: 'Not for this API key' },
  NotFound: { status: 404, title: 'Not found' },
  Conflict: { status: 409, title: 'It cannot be done any more' },
  NotAnswered: { status: 409, title: 'The message was not answered' },
  RunFailed: { status: 409, title: 'The run failed' },
  RunCancelled: { status: 409, title: 'The run was cancelled' },
  NotReachable: { status: 503, title: 'Not reachable' },
};

/** What these are is not said by the type of their error. */
const OWN_WORDS: ClientErrorCode[] = ['Forbidden', 'NotFound', 'Conflict', 'NotReachable'];

/** Thrown where HTTP alone knows what is wrong. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(found: Problem) {
    super(found.detail);
    this.problem = found;
  }
}

/** Turns whatever a route threw into a problem. What is not known to be meant for readers stays inside. */
export function problemOf(error: unknown): Problem {
  if (error instanceof CadenzaError) return ofClient(error.code, error.error);
  if (error instanceof ProblemError) return error.problem;
  if (error instanceof HTTPException) return ofHttp(error);
  if (isStoreError(error)) return storeAway();
  if (isUnstorable(error)) return unstorable();
  return problem(500, 'InternalError', 'Something went wrong here', 'The request could not be answered.', {
    hint: 'The log of the gateway says more under this requestId.',
  });
}

/** Text that PostgreSQL does not take: with NUL, or with half a character. SQLSTATE class 22, data exception. */
function isUnstorable(error: unknown): boolean {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' && /^22...$/.test(code);
}

function unstorable(): Problem {
  const detail = 'The request holds text or a number that cannot be stored, such as the character NUL.';
  return problem(400, 'InvalidRequest', STATUS.InvalidRequest.title, detail, { hint: 'Leave such characters out.' });
}

function storeAway(): Problem {
  const { status, title } = STATUS.NotReachable;
  return problem(status, 'NotReachable', title, 'The database does not answer.', {
    hint: 'Ask again in a moment; cadenza doctor says what is wrong.',
  });
}

export function problem(
  status: number,
  errorType: string,
  title: string,
  detail: string,
  more: Partial<Omit<Problem, 'type' | 'title' | 'status' | 'detail' | 'errorType'>> = {},
): Problem {
  return { type: `urn:cadenza:problem:${errorType}`, title, status, detail, errorType, ...more };
}

/** A run that ended without a result, as an answer to somebody who asked for it. */
export function problemOfRun(status: 'failed' | 'cancelled', error: CallError): Problem {
  return ofClient(status === 'failed' ? 'RunFailed' : 'RunCancelled', error);
}

export function problemResponse(body: Problem, requestId: string): Response {
  return Response.json(
    { ...body, requestId },
    { status: body.status as ContentfulStatusCode, headers: { 'content-type': 'application/problem+json' } },
  );
}

function ofClient(code: ClientErrorCode, error: CallError): Problem {
  const { status, title } = STATUS[code];
  const errorType = OWN_WORDS.includes(code) ? code : error.type;
  const { hint, path, step, provider, model } = error;
  return problem(status, errorType, title, error.message, { hint, path, step, provider, model });
}

/** What Hono refuses by itself: a body that is not JSON, or is not said to be. */
function ofHttp({ status, message }: HTTPException): Problem {
  if (status === 415) {
    return problem(415, 'InvalidRequest', 'The body is not JSON', 'The body of the request is not said to be JSON.', {
      hint: 'Send it with the header content-type: application/json',
    });
  }
  const detail = status === 400 ? 'The body of the request is not JSON.' : message || 'The request was refused.';
  return problem(status, 'InvalidRequest', STATUS.InvalidRequest.title, detail);
}
