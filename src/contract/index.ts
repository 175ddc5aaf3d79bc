export * from './calls.ts';
export * from './errors.ts';
export * from './events.ts';
export * from './messages.ts';
export * from './models.ts';
export * from './patterns.ts';
export * from './policy.ts';
export * from './runs.ts';
