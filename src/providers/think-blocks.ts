import type { ProviderChunk } from './provider.ts';

type Said = Extract<ProviderChunk, { type: 'text' | 'reasoning' }>;

/** Marks between which open models think, at the beginning of their text. */
const MARKS: Record<string, string> = {
  '<think>': '</think>',
  '<thinking>': '</thinking>',
  '<thought>': '</thought>',
  '<reasoning>': '</reasoning>',
  '<seed:think>': '</seed:think>',
  '[THINK]': '[/THINK]',
  '◁think▷': '◁/think▷',
};
const OPENING = Object.keys(MARKS);

/** Takes the think-blocks at the beginning of a text that comes in pieces for reasoning. */
export function thoughtSplitter(): { push(text: string): Said[]; flush(): Said[] } {
  let state: 'beginning' | 'thinking' | 'answering' = 'beginning';
  let held = '';
  let closing = '';

  function push(text: string): Said[] {
    if (state === 'answering') return said('text', text);
    held += text;
    if (state === 'thinking') return think();
    const beginning = held.trimStart();
    const mark = OPENING.find((opening) => beginning.startsWith(opening));
    if (mark) {
      state = 'thinking';
      closing = MARKS[mark]!;
      held = beginning.slice(mark.length);
      return think();
    }
    if (OPENING.some((opening) => opening.startsWith(beginning))) return [];
    state = 'answering';
    return flush();
  }

  function think(): Said[] {
    const end = held.indexOf(closing);
    if (end === -1) {
      // The end of what is known may be the beginning of the mark.
      const clear = Math.max(0, held.length - closing.length + 1);
      const thought = held.slice(0, clear);
      held = held.slice(clear);
      return said('reasoning', thought);
    }
    const thought = said('reasoning', held.slice(0, end).trimEnd());
    state = 'beginning';
    const rest = held.slice(end + closing.length);
    held = '';
    return [...thought, ...push(rest)];
  }

  function flush(): Said[] {
    const rest = held;
    held = '';
    return said(state === 'thinking' ? 'reasoning' : 'text', rest);
  }

  return { push, flush };
}

function said(type: Said['type'], text: string): Said[] {
  return text === '' ? [] : [{ type, text }];
}

/** The text after its think-block; one whose opening mark the model's template kept ends at the closing mark. */
export function withoutThoughts(text: string): string {
  for (const closing of Object.values(MARKS)) {
    const end = text.indexOf(closing);
    if (end !== -1) return text.slice(end + closing.length);
  }
  return text;
}
