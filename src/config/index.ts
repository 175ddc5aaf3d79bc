export * from './config.ts';
export * from './environment.ts';
export * from './limits.ts';
export * from './load-config.ts';
export * from './public-address.ts';
export * from './temporal.ts';
export * from './tool-sources.ts';
export * from './webhook-signer.ts';
