import type { Lines, Span } from '../contract/index.ts';
import type { Block, ReadDocument } from './document.ts';

/** A piece of a document to be found by itself: `text` is what stands at `span` of the document's text. */
export interface Chunk {
  text: string;
  heading?: string;
  page?: number;
  span: Span;
  lines: Lines;
}

/** Both in tokens, as counted. */
export interface ChunkSizes {
  tokens: number;
  /** of the chunk before, where both are cut from one section */
  overlap: number;
}

type CountTokens = (text: string) => number;
type Piece = Block & { tokens: number };

/** Each ends a piece behind it. */
const SENTENCE_END = /[.!?…]["'”’)\]]*\s+|[。！？]/g;
const LINE_END = /\n+/g;
const WORD_END = /\s+/g;
const EMPTY_LINES = /\n[ \t\r]*\n/g;

/**
 * Cuts a document into chunks of at most so many tokens: between blocks where it can, never across headings or pages,
 * and inside a block that is too long between its sentences or lines, then words. A heading goes with what follows it.
 */
export function* chunksOf(document: ReadDocument, sizes: ChunkSizes, count: CountTokens): Generator<Chunk> {
  const { text } = document;
  const lineAt = lineFinder(text);
  let open: Piece[] = [];
  let tokens = 0;

  for (const block of document.blocks) {
    for (const piece of piecesOf(text, block, sizes.tokens, count)) {
      const last = open.at(-1);
      const isSameSection = last && last.heading === piece.heading && last.page === piece.page;
      const isFull = tokens + piece.tokens > sizes.tokens;
      if (last && (isFull || (!isSameSection && !open.every(({ isHeading }) => isHeading)))) {
        const from = open[0]!.start;
        yield* closed();
        open = isSameSection ? overlapping(from, last, sizes.tokens - piece.tokens) : [];
        tokens = open.reduce((sum, one) => sum + one.tokens, 0);
      }
      open.push(piece);
      tokens += piece.tokens;
    }
  }
  yield* closed();

  function* closed(): Generator<Chunk> {
    const [first, last] = [open[0], open.at(-1)];
    if (!first || !last) return;
    const whole = text.slice(first.start, last.end);
    const start = first.start + whole.length - whole.trimStart().length;
    const end = first.start + whole.trimEnd().length;
    if (end <= start) return;
    const { heading, page } = last;
    yield {
      text: text.slice(start, end),
      ...(heading === undefined ? {} : { heading }),
      ...(page === undefined ? {} : { page }),
      span: { start, end },
      lines: { from: lineAt(start), to: lineAt(end - 1) },
    };
  }

  /** The end of a chunk, with which the next one begins. */
  function overlapping(from: number, { end, byLine, ...last }: Piece, room: number): Piece[] {
    const most = Math.min(sizes.overlap, room);
    if (most <= 0 || byLine) return [];
    // A token has about four characters, a long word twelve.
    const earliest = Math.max(from, end - most * 12);
    for (const border of [SENTENCE_END, WORD_END]) {
      for (const { index, 0: gap } of text.slice(earliest, end).matchAll(border)) {
        const start = earliest + index + gap.length;
        const tokens = start < end ? count(text.slice(start, end)) : 0;
        if (tokens > 0 && tokens <= most) return [{ ...last, start, end, tokens }];
      }
    }
    return [];
  }
}

/** A block, or the pieces it must be cut into. */
function* piecesOf(text: string, block: Block, most: number, count: CountTokens): Generator<Piece> {
  const borders = block.byLine ? [EMPTY_LINES, LINE_END, SENTENCE_END, WORD_END] : [SENTENCE_END, LINE_END, WORD_END];
  for (const [start, end] of cut(text, block.start, block.end, borders, most, count)) {
    yield { ...block, start, end, tokens: count(text.slice(start, end)) };
  }
}

function* cut(
  text: string,
  start: number,
  end: number,
  [border, ...finer]: RegExp[],
  most: number,
  count: CountTokens,
): Generator<[start: number, end: number]> {
  // A text of so many characters has more tokens than that, whatever it says.
  if (end - start <= most * 50 && count(text.slice(start, end)) <= most) return yield [start, end];
  if (!border) {
    const middle = start + Math.ceil((end - start) / 2);
    const isPair = text.codePointAt(middle - 1)! > 0xffff;
    const at = isPair ? middle + 1 : middle;
    if (at >= end) return yield [start, end];
    yield* cut(text, start, at, [], most, count);
    return yield* cut(text, at, end, [], most, count);
  }
  let from = start;
  for (const { index, 0: gap } of text.slice(start, end).matchAll(border)) {
    const to = start + index + gap.length;
    yield* cut(text, from, to, finer, most, count);
    from = to;
  }
  if (from < end) yield* cut(text, from, end, finer, most, count);
}

/** The line (from 1) of a character. */
function lineFinder(text: string): (at: number) => number {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (at) => {
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts[middle]! <= at) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}
