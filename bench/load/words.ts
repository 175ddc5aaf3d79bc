/** What the provider says, and the client must have read. */
export function wordOf(n: number, isLong: boolean): string {
  return `word${n} ${isLong ? 'and so on '.repeat(60) : ''}`;
}

/** A prompt that holds this is answered in long words. */
export const AT_LENGTH = 'at length';
