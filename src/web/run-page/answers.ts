/** A text of a result, under what it is called there. */
export interface NamedText {
  title: string;
  text: string;
  model?: string;
  costUsd?: number | null;
}

const MAIN = ['final', 'merged', 'best', 'output', 'answer'];
const LISTS = ['answers', 'candidates', 'transcript', 'tasks', 'steps'];

/** What people look for in a result, whichever pattern it is of: the last word first, then how it came about. */
export function textsOf(result: unknown): { main?: NamedText; others: NamedText[] } {
  if (typeof result === 'string') return { main: { title: 'Answer', text: result }, others: [] };
  if (!isObject(result)) return { others: [] };
  const main = textOf('Answer', result) ?? first(MAIN, (name) => textOf(name, result[name]));
  const others = LISTS.flatMap((name) => {
    const list = result[name];
    if (Array.isArray(list)) return list.map((one, n) => textOf(titleOf(one) ?? `${name} ${n + 1}`, one));
    return isObject(list) ? Object.entries(list).map(([step, one]) => textOf(step, one)) : [];
  }).filter((text) => text !== undefined);
  return { ...(main && { main }), others };
}

function textOf(title: string, value: unknown): NamedText | undefined {
  if (typeof value === 'string') return { title, text: value };
  if (!isObject(value) || typeof value.text !== 'string') return undefined;
  return {
    title,
    text: value.text,
    ...(typeof value.model === 'string' && { model: value.model }),
    ...((typeof value.costUsd === 'number' || value.costUsd === null) && { costUsd: value.costUsd }),
  };
}

function titleOf(value: unknown): string | undefined {
  if (!isObject(value)) return undefined;
  return [value.name, value.speaker, value.debater, value.model].find((one) => typeof one === 'string') as
    | string
    | undefined;
}

/** What people read of an input: the texts in it, by the names they have there. */
export function askedOf(input: unknown): NamedText[] {
  if (!isObject(input)) return [];
  const named = ['system', 'prompt', 'task', 'question', 'goal', 'topic'].flatMap((title) =>
    typeof input[title] === 'string' ? [{ title, text: input[title] }] : [],
  );
  const messages = Array.isArray(input.messages) ? input.messages.filter(isObject) : [];
  return [
    ...named,
    ...messages.flatMap(({ role, content }) => {
      const text = typeof content === 'string' ? content : partsOf(content);
      return text === '' ? [] : [{ title: String(role), text }];
    }),
  ];
}

function partsOf(content: unknown): string {
  if (!Array.isArray(content)) return '';
  return content
    .filter(isObject)
    .map(({ text, type }) => (typeof text === 'string' ? text : `[${type}]`))
    .join('\n\n');
}

function first<Value>(names: string[], find: (name: string) => Value | undefined): Value | undefined {
  for (const name of names) {
    const found = find(name);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
