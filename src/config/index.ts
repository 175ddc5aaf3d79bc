export * from './config.ts';
export * from './environment.ts';
export * from './load-config.ts';
export * from './temporal.ts';
