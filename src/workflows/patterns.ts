/** The workflow types of Cadenza's own worker: a pattern's name is its workflow type. */
export { ask } from './ask.ts';
export { compare } from './compare.ts';
