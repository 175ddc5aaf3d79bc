import { CadenzaError } from '../errors.ts';

/** Says what is wrong with data that was given, and where. */
export function unusable(message: string, hint?: string): CadenzaError {
  return new CadenzaError('InvalidRequest', { type: 'InvalidRequest', message, hint, path: 'data' });
}
