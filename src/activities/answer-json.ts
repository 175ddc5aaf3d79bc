import { withoutThoughts } from '../providers/index.ts';

/** So much of an answer is looked through for JSON, in all passes together: braces without end would take for ever. */
const MOST_LOOKS = 4_000_000;

/**
 * The JSON values an answer may mean, likeliest first: the whole text; then, after its think-block, the whole rest, what
 * stands in fences (the last first), and what stands between words (the last first).
 */
export function* jsonIn(text: string): Generator<unknown> {
  const whole = parsed(text);
  if (whole) {
    yield whole.value;
    // Some models write their JSON as a JSON string.
    const inner = typeof whole.value === 'string' ? parsed(whole.value) : undefined;
    if (inner) yield inner.value;
    // Others put the one object that was asked for into a list.
    if (Array.isArray(whole.value) && whole.value.length === 1) yield whole.value[0];
    return;
  }
  const rest = withoutThoughts(text);
  const after = parsed(rest);
  if (after) return yield after.value;
  for (const [, fenced] of [...rest.matchAll(/```[\w-]*[ \t]*\r?\n?([\s\S]*?)```/g)].reverse()) {
    const value = parsed(fenced!);
    if (value) yield value.value;
  }
  yield* [...between(rest)].reverse();
}

/** Objects and lists between words, from the beginning; what lies inside another is part of that one. */
function* between(text: string): Generator<unknown> {
  let looks = 0;
  for (let start = next(text, 0); start !== -1 && looks < MOST_LOOKS; ) {
    const end = closing(text, start);
    looks += (end === -1 ? text.length : end) - start;
    const value = end === -1 ? undefined : parsed(text.slice(start, end));
    if (value) yield value.value;
    start = next(text, value ? end : start + 1);
  }
}

function next(text: string, from: number): number {
  const found = text.slice(from).search(/[{[]/);
  return found === -1 ? -1 : from + found;
}

/** Where the bracket at `start` is closed, braces in strings left aside; -1 if nowhere. */
function closing(text: string, start: number): number {
  let depth = 0;
  let quoted = false;
  for (let at = start; at < text.length; at++) {
    const sign = text[at];
    if (quoted) {
      if (sign === '\\') at += 1;
      else if (sign === '"') quoted = false;
    } else if (sign === '"') quoted = true;
    else if (sign === '{' || sign === '[') depth += 1;
    else if ((sign === '}' || sign === ']') && --depth === 0) return at + 1;
  }
  return -1;
}

function parsed(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text.replace(/^\uFEFF/, '')) };
  } catch {
    return undefined;
  }
}
