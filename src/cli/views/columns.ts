import cliTruncate from 'cli-truncate';
import stringWidth from 'string-width';
import wrapAnsi from 'wrap-ansi';

/** One model's answer as it stands: what is above the line, and the text below it. */
export interface Column {
  title: string;
  status: string;
  /** times, tokens, cost */
  figures: string;
  text: string;
}

export interface Size {
  /** columns and rows of the terminal */
  width: number;
  height: number;
}

const GAP = ' │ ';
/** Narrower columns break words more than they show them. */
const NARROWEST = 24;
/** Lines above the text: title, status, figures, rule. */
const HEAD = 4;

/**
 * Lays texts out side by side; under one another where the terminal is too narrow for that. Shows the end of texts
 * that are longer than the terminal is high: that is where they grow.
 */
export function layOut(columns: Column[], { width, height }: Size): string {
  if (columns.length === 0) return '';
  const each = Math.floor((width - stringWidth(GAP) * (columns.length - 1)) / columns.length);
  return each < NARROWEST ? stacked(columns, { width, height }) : sideBySide(columns, each, height);
}

function sideBySide(columns: Column[], width: number, height: number): string {
  const bodies = columns.map(({ text }) => wrapped(text, width));
  const rows = Math.max(0, Math.min(Math.max(...bodies.map((lines) => lines.length)), height - HEAD));
  const blocks = columns.map(({ title, status, figures }, index) => [
    cliTruncate(title, width, { position: 'middle' }),
    cliTruncate(status, width),
    cliTruncate(figures, width),
    '─'.repeat(width),
    ...lastOf(bodies[index]!, rows),
  ]);
  const lines = Array.from({ length: rows + HEAD }, (_, row) =>
    blocks.map((block) => padded(block[row] ?? '', width)).join(row === HEAD - 1 ? '─┼─' : GAP),
  );
  return lines.map((line) => line.trimEnd()).join('\n');
}

function stacked(columns: Column[], { width, height }: Size): string {
  const rows = Math.max(1, Math.floor(height / columns.length) - 2);
  return columns
    .flatMap(({ title, status, figures, text }) => [
      cliTruncate(['──', [title, status, figures].filter(Boolean).join(' · ')].join(' '), width),
      ...lastOf(wrapped(text, width), rows),
      '',
    ])
    .slice(0, -1)
    .join('\n');
}

/** Whole words where they fit. Indentation of the text's own lines stays; lines made by wrapping begin with a word. */
function wrapped(text: string, width: number): string[] {
  const trimmed = text.trimEnd();
  if (trimmed === '') return [];
  return trimmed.split('\n').flatMap((line) => {
    const [first = '', ...more] = wrapAnsi(line, width, { hard: true, trim: false }).split('\n');
    return [first, ...more.map((row) => row.trimStart())];
  });
}

function lastOf(lines: string[], rows: number): string[] {
  return rows === 0 ? [] : lines.slice(-rows);
}

function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - stringWidth(text)));
}
