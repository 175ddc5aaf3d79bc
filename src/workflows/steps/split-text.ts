/**
 * Cuts a text into parts of at most so many estimated tokens, where it hurts least: between paragraphs, else between
 * sentences, else between words, else anywhere. Joined again, the parts are the text.
 */
export function splitText(text: string, maxTokens: number): string[] {
  return packed(text, maxTokens, [PARAGRAPHS, SENTENCES, WORDS]);
}

/** Each cuts behind the separator, so that nothing of the text is lost. */
const PARAGRAPHS = /(?<=\n[ \t]*\n)(?=\S)/;
const SENTENCES = /(?<=[.!?…]["'”’)\]]*\s)(?=\S)|(?<=[。！？])|(?<=\n)/;
const WORDS = /(?<=\s)(?=\S)/;

function packed(text: string, maxTokens: number, borders: RegExp[]): string[] {
  if (text === '' || estimatedTokens(text) <= maxTokens) return text === '' ? [] : [text];
  const [border, ...finer] = borders;
  if (!border) return cut(text, maxTokens);
  const parts: string[] = [];
  let open = '';
  let openTokens = 0;
  for (const piece of text.split(border)) {
    const tokens = estimatedTokens(piece);
    if (open !== '' && openTokens + tokens > maxTokens) {
      parts.push(open);
      [open, openTokens] = ['', 0];
    }
    if (tokens > maxTokens) {
      // The rest of a piece that was too long may still be joined by what follows it.
      const inner = packed(piece, maxTokens, finer);
      parts.push(...inner.slice(0, -1));
      open = inner.at(-1)!;
      openTokens = estimatedTokens(open);
    } else {
      open += piece;
      openTokens += tokens;
    }
  }
  return open === '' ? parts : [...parts, open];
}

/** By characters, never through the middle of one. */
function cut(text: string, maxTokens: number): string[] {
  const parts: string[] = [];
  let open = '';
  let tokens = 0;
  for (const character of text) {
    const more = tokensOf(character);
    if (open !== '' && tokens + more > maxTokens) {
      parts.push(open);
      [open, tokens] = ['', 0];
    }
    open += character;
    tokens += more;
  }
  return open === '' ? parts : [...parts, open];
}

/**
 * Tokens of a text, by its characters: four of ASCII a token, as of English; each other one a token, which is near for
 * Chinese and too many for Greek or Cyrillic. No tokenizer, so that a workflow can count without a hop.
 */
export function estimatedTokens(text: string): number {
  let quarters = 0;
  for (let index = 0; index < text.length; index += 1) quarters += text.charCodeAt(index) < 128 ? 1 : 4;
  return quarters / 4;
}

function tokensOf(character: string): number {
  return estimatedTokens(character);
}

/** Neighbours together, as many as fit in so many estimated tokens, but at least two, so that a tree of them ends. */
export function grouped(texts: string[], maxTokens: number): string[][] {
  const groups: string[][] = [];
  let open: string[] = [];
  let tokens = 0;
  for (const text of texts) {
    const more = estimatedTokens(text);
    if (open.length >= 2 && tokens + more > maxTokens) {
      groups.push(open);
      [open, tokens] = [[], 0];
    }
    open.push(text);
    tokens += more;
  }
  return open.length === 0 ? groups : [...groups, open];
}
