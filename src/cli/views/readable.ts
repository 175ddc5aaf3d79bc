import { plainText } from '../output.ts';

/** Any JSON for people: texts as they are, of answers their text, the rest name by name. */
export function readable(value: unknown): string {
  if (typeof value === 'string') return plainText(value);
  if (typeof value !== 'object' || value === null) return String(value ?? '');
  if (isAnswer(value)) return plainText(value.text);
  if (Array.isArray(value)) {
    const items = value.map(readable);
    return items.some((item) => item.includes('\n')) ? items.join('\n\n') : items.map((item) => `- ${item}`).join('\n');
  }
  return Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .map(([name, each]) => {
      const text = readable(each);
      return text.includes('\n') || typeof each === 'object' ? `${name}:\n${indented(text)}` : `${name}: ${text}`;
    })
    .join('\n');
}

/** True for what a model said, among whatever else is known of it. */
export function isAnswer(value: object): value is { text: string } {
  return 'text' in value && typeof value.text === 'string';
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
}

/** The JSON a model answered, for people; other texts as they are. */
export function readableAnswer(text: string): string {
  try {
    return text.trimStart().startsWith('{') ? readable(JSON.parse(text)) : text;
  } catch {
    return text;
  }
}
