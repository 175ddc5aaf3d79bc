import type { z } from 'zod';
import { type CallError, invalidRequest } from '../contract/index.ts';

export { isStoreError } from '../store/outage.ts';

/** What is done about a Temporal or a PostgreSQL that does not answer. */
export const IS_IT_RUNNING = 'Is it running? See: npx cadenza doctor';

export type ClientErrorCode =
  /** 400: the request itself is wrong */
  | 'InvalidRequest'
  /** 403: the API key of the caller does not permit it */
  | 'Forbidden'
  /** 404: no such run, approval or schedule */
  | 'NotFound'
  /** 409: what is asked for can no longer be, or is there already */
  | 'Conflict'
  /** 409: a message of a conversation could not be answered; the conversation goes on */
  | 'NotAnswered'
  /** 409: the run ended without a result */
  | 'RunFailed'
  | 'RunCancelled'
  /** 503: Temporal or the store cannot be reached */
  | 'NotReachable';

/** The one error the client throws: what happened, to what, and what to do. */
export class CadenzaError extends Error {
  readonly code: ClientErrorCode;
  readonly error: CallError;

  constructor(code: ClientErrorCode, error: CallError, options?: ErrorOptions) {
    super(error.message, options);
    this.name = 'CadenzaError';
    this.code = code;
    this.error = error;
  }
}

/** An error in our own words: what is wrong, where it stands, and what to do. */
export function refusal(
  code: 'InvalidRequest' | 'Forbidden' | 'NotFound' | 'Conflict',
  message: string,
  { path, hint }: Pick<CallError, 'path' | 'hint'> = {},
): CadenzaError {
  return new CadenzaError(code, { type: 'InvalidRequest', message, path, hint });
}

/** Temporal or the store cannot be reached. */
export function notReachable(message: string, hint: string, cause?: unknown): CadenzaError {
  return new CadenzaError('NotReachable', { type: 'Unavailable', message, hint }, { cause });
}

/** Where Temporal was looked for, and was not. */
export function noTemporal(address = 'localhost:7233', cause?: unknown): CadenzaError {
  return notReachable(`Temporal does not answer at ${address}`, IS_IT_RUNNING, cause);
}

/** A value from outside as its schema has it. @param root where it stands @throws CadenzaError InvalidRequest */
export function checked<Schema extends z.ZodType>(schema: Schema, value: unknown, root: string): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new CadenzaError('InvalidRequest', invalidRequest(parsed.error, root));
}
