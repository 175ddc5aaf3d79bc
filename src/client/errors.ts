import type { CallError } from '../contract/index.ts';

export type ClientErrorCode =
  /** 400: the request itself is wrong */
  | 'InvalidRequest'
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
