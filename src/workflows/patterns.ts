/** The workflow types of Cadenza's own worker: a pattern's name is its workflow type. */
export { ask } from './ask.ts';
export { bestOf as 'best-of' } from './best-of.ts';
export { chain } from './chain.ts';
export { compare } from './compare.ts';
export { council } from './council.ts';
