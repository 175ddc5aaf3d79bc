import type { Block } from './document.ts';
import { UnreadableError } from './document.ts';

/** Bytes as text: UTF-16 by its mark, UTF-8, else Windows-1252. @throws UnreadableError for what is no text */
export function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const utf16 = first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : '';
  const text = utf16 ? new TextDecoder(utf16).decode(bytes) : utf8(bytes);
  if (text.includes('\0')) throw new UnreadableError('It is no text: it holds NUL bytes');
  return text.toWellFormed();
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder('windows-1252').decode(bytes);
  }
}

/** What stands between empty lines. @param page see `Block` */
export function paragraphs(text: string, from = 0, to = text.length, page?: number): Block[] {
  const blocks: Block[] = [];
  const gap = /\n[ \t\r]*\n\s*/g;
  const add = (start: number, end: number) => {
    if (text.slice(start, end).trim() !== '') blocks.push({ start, end, ...(page === undefined ? {} : { page }) });
  };
  let start = from;
  gap.lastIndex = from;
  for (let match = gap.exec(text); match && match.index < to; match = gap.exec(text)) {
    add(start, match.index);
    start = Math.min(gap.lastIndex, to);
  }
  add(start, to);
  return blocks;
}
