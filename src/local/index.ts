export { type LocalPostgres, type PostgresOptions, startPostgres } from './postgres.ts';
export { type LocalTemporal, SEARCH_ATTRIBUTES, startTemporal, type TemporalOptions } from './temporal.ts';
export { findTemporalCli, findTestServer } from './temporal-cli.ts';
