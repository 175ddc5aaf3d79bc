export type { Cadenza, Outcome, StartedRun, StartOptions } from './cadenza.ts';
export { type ConnectOptions, connect } from './connect.ts';
export { type ClientParts, connectWith } from './connect-with.ts';
export { dataConverter } from './data-converter.ts';
export { CadenzaError, type ClientErrorCode } from './errors.ts';
