export { chunksOf } from './chunk.ts';
export { MOST_BYTES, UnreadableError } from './document.ts';
export { fetchUrl, UnreachableError } from './fetch-url.ts';
export { fused } from './fuse.ts';
export { searchLanguage } from './language.ts';
export { listSources } from './list-sources.ts';
export { type Loaded, loadSource } from './load-source.ts';
export { readDocument } from './read-document.ts';
