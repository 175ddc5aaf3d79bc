/** Where the blocks of a growing text end that no further words will change. */
export interface Blocks {
  /** whole blocks of Markdown, in order */
  settled: readonly string[];
  /** what is left: the block that still grows */
  rest: string;
}

export const NO_BLOCKS: Blocks = { settled: [], rest: '' };

/**
 * Cuts a text that grows into blocks, so that only the last one is parsed anew with each word. A block ends at an empty line
 * outside of a code fence, where the next line begins at the margin and is no part of a list, quote or table.
 * @param before what the text gave when it was shorter
 */
export function withMore(before: Blocks, text: string): Blocks {
  const settledLength = before.settled.reduce((sum, block) => sum + block.length, 0);
  const grew = text.length >= settledLength + before.rest.length && text.startsWith(before.rest, settledLength);
  const { settled, start } = grew ? { settled: [...before.settled], start: settledLength } : { settled: [], start: 0 };
  let from = start;
  let fence = '';
  let isAfterGap = false;
  for (let at = start; at < text.length; ) {
    const newline = text.indexOf('\n', at);
    // The last line may go on: nothing is known of it yet.
    if (newline === -1) break;
    const line = text.slice(at, newline);
    if (fence !== '') {
      if (line.trim().startsWith(fence) && line.trim().replaceAll(fence[0]!, '') === '') fence = '';
    } else {
      if (isAfterGap && at > from && beginsBlock(line)) {
        settled.push(text.slice(from, at));
        from = at;
      }
      fence = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1] ?? '';
    }
    isAfterGap = line.trim() === '';
    at = newline + 1;
  }
  return {
    settled: settled.length === before.settled.length && grew ? before.settled : settled,
    rest: text.slice(from),
  };
}

function beginsBlock(line: string): boolean {
  return /^\S/.test(line) && !/^([-*+>|]|\d+[.)])/.test(line);
}
