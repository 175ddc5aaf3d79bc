export { dataConverter } from '../runtime/data-converter.ts';
export type { Budgets } from './budgets.ts';
export type { Cadenza, Outcome, SendOptions, SentMessage, StartedRun } from './cadenza.ts';
export type { StartOptions } from './check-start.ts';
export { type ConnectOptions, connect } from './connect.ts';
export { type ClientParts, connectWith } from './connect-with.ts';
export type { MapData } from './data-sets.ts';
export { CadenzaError, type ClientErrorCode } from './errors.ts';
export type { Schedules } from './schedules.ts';
