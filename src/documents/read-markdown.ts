import { fromMarkdown } from 'mdast-util-from-markdown';
import type { Block, ReadDocument } from './document.ts';
import { paragraphs } from './read-text.ts';

/** The parser keeps the process for a second a megabyte; longer texts are cut by paragraphs alone. Characters. */
const LONGEST = 2_000_000;
/** YAML before the text, which Markdown itself does not know. */
const FRONT_MATTER = /^---[ \t]*\r?\n[\s\S]*?\r?\n(?:---|\.\.\.)[ \t]*(?:\r?\n|$)/;

/** Markdown, cut where its parser (CommonMark) sees blocks; the text is the file's own. */
export function readMarkdown(text: string): ReadDocument {
  if (text.length > LONGEST) return { text, blocks: paragraphs(text) };
  const front = FRONT_MATTER.exec(text)?.[0] ?? '';
  const blocks: Block[] = front === '' ? [] : [{ start: 0, end: front.length, byLine: true }];
  const path: string[] = [];
  // Blanks in its place, so that positions stay those of the file.
  for (const node of fromMarkdown(' '.repeat(front.length) + text.slice(front.length)).children) {
    const isHeading = node.type === 'heading';
    if (isHeading) {
      path.length = node.depth - 1;
      path.push(wordsOf(node));
    }
    const heading = path.filter(Boolean).join(' > ');
    const [start, end] = [node.position!.start.offset!, node.position!.end.offset!];
    blocks.push({
      ...{ start, end },
      ...(heading === '' ? {} : { heading }),
      ...(isHeading ? { isHeading } : {}),
      ...(node.type === 'paragraph' && text[start] !== '|' ? {} : { byLine: true }),
    });
  }
  const title = /^title:[ \t]*["']?(.+?)["']?[ \t]*$/m.exec(front)?.[1] ?? firstHeading(text, blocks);
  return { text, blocks, ...(title === undefined ? {} : { title }) };
}

function firstHeading(text: string, blocks: Block[]): string | undefined {
  const first = blocks.find(({ isHeading }) => isHeading);
  return first && text.slice(first.start, first.end).startsWith('# ') ? first.heading : undefined;
}

type Node = ReturnType<typeof fromMarkdown>['children'][number];

function wordsOf(node: Node): string {
  if ('value' in node) return node.value;
  return 'children' in node ? (node.children as Node[]).map(wordsOf).join('').replaceAll(/\s+/g, ' ').trim() : '';
}
