export * from './classifier.ts';
export * from './decision.ts';
export * from './definition.ts';
export * from './goal.ts';
export * from './nearest.ts';
export * from './rules.ts';
