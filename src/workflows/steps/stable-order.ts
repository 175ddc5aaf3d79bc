/**
 * The texts in an order that only they decide, each once: whoever gives them in another order asks the same question.
 * @param salt gives each asker an order of its own
 */
export function stableOrder(texts: string[], salt = ''): string[] {
  const keyed = [...new Set(texts)].map((text) => ({ text, hash: hashOf(`${salt}\n${text}`) }));
  return keyed.sort((a, b) => a.hash - b.hash || (a.text < b.text ? -1 : 1)).map(({ text }) => text);
}

/** FNV-1a, 32 bits, with murmur3's final mix so that near texts do not land near each other. Node's crypto is not there in workflows. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
