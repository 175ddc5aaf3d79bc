export { type LocalPostgres, type PostgresOptions, startPostgres } from './postgres.ts';
export { type Running, readRunning } from './running.ts';
export { type Companion, type Local, type LocalOptions, startLocal } from './supervisor.ts';
export { type LocalTemporal, startTemporal, type TemporalOptions } from './temporal.ts';
export { findTemporalCli, findTestServer, obtain } from './temporal-cli.ts';
