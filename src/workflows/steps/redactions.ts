import type { Message, ModelReply, Part, Redaction } from '../../contract/index.ts';

/** The texts a user or a tool brings into a request: what guardrails look at before a call. */
export function textsOf(messages: Message[]): string[] {
  const texts: string[] = [];
  mapTexts(messages, (text) => {
    texts.push(text);
    return text;
  });
  return texts;
}

/** The same messages with other texts. @param texts in the order `textsOf` gave them */
export function withTexts(messages: Message[], texts: string[]): Message[] {
  let next = 0;
  return mapTexts(messages, () => texts[next++]!);
}

function mapTexts(messages: Message[], map: (text: string) => string): Message[] {
  return messages.map((message) => {
    if (message.role !== 'user' && message.role !== 'tool') return message;
    if (typeof message.content === 'string') return { ...message, content: map(message.content) };
    return { ...message, content: message.content.map((part) => mappedPart(part, map)) };
  });
}

function mappedPart(part: Part, map: (text: string) => string): Part {
  if (part.type === 'text') return { ...part, text: map(part.text) };
  if (part.type === 'toolResult') return { ...part, content: map(part.content) };
  return part;
}

/** Replaces the places; those that overlap become one. */
export function redacted(texts: string[], redactions: Redaction[]): string[] {
  return texts.map((text, index) => {
    const places = redactions
      .filter((place) => place.text === index)
      .sort((a, b) => a.start - b.start || b.end - a.end);
    let result = '';
    let at = 0;
    for (const { start, end, by } of places) {
      if (start >= at) result += text.slice(at, start) + by;
      at = Math.max(at, end);
    }
    return result + text.slice(at);
  });
}

/** What of an answer is checked: its text, or its object as JSON without any escapes but JSON's own. */
export function saidIn({ text, object }: ModelReply): string {
  return object === undefined ? text : JSON.stringify(object);
}

/** An answer without the places; undefined where its object cannot be had without them. */
export function redactedReply(reply: ModelReply, redactions: Redaction[]): ModelReply | undefined {
  const said = saidIn(reply);
  const text = redacted([said], redactions)[0]!;
  if (reply.object === undefined) return { ...reply, text };
  const found = redactions.map(({ start, end, by }) => ({ value: said.slice(start, end), by }));
  const object = mapLeaves(reply.object, (leaf) =>
    found.reduce((value, place) => value.replaceAll(place.value, place.by), leaf),
  );
  const rest = JSON.stringify(object);
  if (found.some(({ value }) => rest.includes(value))) return undefined;
  return { ...reply, text: rest, object };
}

/** Numbers with something to hide become texts; keys stay. */
function mapLeaves(value: unknown, map: (leaf: string) => string): unknown {
  if (typeof value === 'string') return map(value);
  if (typeof value === 'number') return map(String(value)) === String(value) ? value : map(String(value));
  if (Array.isArray(value)) return value.map((item) => mapLeaves(item, map));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, mapLeaves(field, map)]));
}
