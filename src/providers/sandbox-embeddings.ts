import type { EmbedCall, Embedded } from './provider.ts';
import { unknownSandboxModel } from './sandbox-models.ts';

const DIMENSIONS = 1_024;
/** Letters by which `translate` and `translation` are still alike. */
const STEM = 5;

/** Words that say nothing of what a request is about. */
const SILENT = new Set(
  (
    'a an and are as at be been but by can could did do does for from had has have how i if in into is it its me my of on or ' +
    'our please so some than that the their them then there these they this to was we were what when which who why will with would you your'
  ).split(' '),
);

/**
 * `sandbox/words`: a text as its words, hashed into 1,024 dimensions with signs (feature hashing, Weinberger et al. 2009,
 * arXiv 0902.2206), so that texts are alike which share words or their beginnings. Free, made in the process, and always
 * the same; it knows nothing of meaning: `car` and `automobile` have nothing in common.
 */
export function wordEmbeddings({ model, texts }: EmbedCall): Embedded {
  if (model !== 'words') throw unknownSandboxModel(model, ['words']);
  return { vectors: texts.map(wordVector), usage: { inputTokens: 0, outputTokens: 0 } };
}

/** One text, as `sandbox/words` has it. */
export function wordVector(text: string): number[] {
  const counts = new Map<string, number>();
  const add = (feature: string, weight: number) => counts.set(feature, (counts.get(feature) ?? 0) + weight);
  for (const [word] of text
    .normalize('NFKC')
    .toLowerCase()
    .matchAll(/[\p{L}\p{N}_]+|[^\s\p{L}\p{N}]/gu)) {
    if (SILENT.has(word)) continue;
    add(word, 1);
    if (word.length > STEM) add(`${word.slice(0, STEM)}*`, 0.7);
  }
  const vector = new Array<number>(DIMENSIONS).fill(0);
  for (const [feature, count] of counts) {
    const hash = hashOf(feature);
    vector[hash % DIMENSIONS]! +=
      (hash & 0x80000000 ? -1 : 1) * (1 + Math.log(Math.max(1, count))) * Math.min(1, count);
  }
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}

/** FNV-1a with murmur3's final mix, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
