import type { z } from '@hono/zod-openapi';
import { Problem } from './problem.ts';

/** A JSON answer, as a route describes it. */
export function json<Schema extends z.ZodType>(description: string, schema: Schema) {
  return { description, content: { 'application/json': { schema } } };
}

const problemContent = { content: { 'application/problem+json': { schema: Problem } } };

/** The problems a route may answer with. */
export const refusals = {
  badRequest: { 400: { description: 'The request is not usable', ...problemContent } },
  unauthorized: { 401: { description: 'An API key is needed', ...problemContent } },
  limited: { 403: { description: 'The API key has a budget itself', ...problemContent } },
  notFound: { 404: { description: 'There is no such run, approval or schedule', ...problemContent } },
  ended: { 409: { description: 'The run failed or was cancelled', ...problemContent } },
  conflict: { 409: { description: 'It cannot be done any more, or is there already', ...problemContent } },
  badSignature: { 401: { description: 'The signature is missing, forged or too old', ...problemContent } },
  tooLarge: { 413: { description: 'The body is too large', ...problemContent } },
  notJson: { 415: { description: 'The body is not said to be JSON', ...problemContent } },
  unreachable: { 503: { description: 'Temporal or the store cannot be reached', ...problemContent } },
};
