import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { GatewayEnv } from './app.ts';
import { ProblemError, problem } from './problem.ts';

const MIB = 1024 * 1024;

/** Bytes a body may have. Data sets are kept row by row as they come; all other bodies are read into memory whole. */
export const BODY_LIMITS = { webhook: 64 * 1024, json: 16 * MIB, dataSet: 1024 * MIB };

/** Refuses a body that is too large before it is read whole. */
export function limitBody(maxBytes: number): MiddlewareHandler<GatewayEnv> {
  return bodyLimit({
    maxSize: maxBytes,
    onError: () => {
      throw new ProblemError(tooLarge(maxBytes));
    },
  });
}

/** Deeper than any input of ours, and than what walks over JSON can bear. */
const DEEPEST = 100;

/** Refuses JSON that is nested so deep that whatever walks over it would run out of stack. */
export const limitDepth: MiddlewareHandler<GatewayEnv> = async (c, next) => {
  if (c.req.raw.body && /json/i.test(c.req.header('content-type') ?? '') && isTooDeep(await c.req.text())) {
    const detail = `The body is nested more than ${DEEPEST} deep.`;
    throw new ProblemError(
      problem(400, 'InvalidRequest', 'The request is not usable', detail, { hint: 'Flatten it.' }),
    );
  }
  await next();
};

/** Character codes of JSON. */
const [QUOTE, BACKSLASH, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = Array.from('"\\[]{}', (letter) =>
  letter.charCodeAt(0),
);

function isTooDeep(json: string): boolean {
  if (json.length <= DEEPEST) return false;
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) {
      for (at++; at < json.length && json.charCodeAt(at) !== QUOTE; at++) if (json.charCodeAt(at) === BACKSLASH) at++;
    } else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      if (++depth > DEEPEST) return true;
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth--;
  }
  return false;
}

function tooLarge(maxBytes: number) {
  const size = maxBytes < MIB ? `${maxBytes / 1024} KB` : `${maxBytes / MIB} MB`;
  return problem(413, 'InvalidRequest', 'The body is too large', `The body of this request is at most ${size}.`, {
    hint: 'Give large documents by reference, or split the work into several runs.',
  });
}

/** The chunks of a body that is read as it comes. @throws ProblemError 413 at the byte that is one too many */
export async function* chunksUpTo(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): AsyncGenerator<Uint8Array> {
  let read = 0;
  for await (const chunk of body ?? []) {
    read += chunk.length;
    if (read > maxBytes) throw new ProblemError(tooLarge(maxBytes));
    yield chunk;
  }
}
