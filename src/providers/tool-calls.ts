import { randomUUID } from 'node:crypto';
import type { ProviderChunk } from './provider.ts';
import { type Loose, ProviderError } from './wire.ts';

interface PartialCall {
  index: number | undefined;
  id: string;
  name: string;
  args: string;
}

type CallChunk = Extract<ProviderChunk, { type: 'toolCall' }>;

/**
 * Puts the tool calls of Chat Completions together. Servers agree on little here: ids change or repeat within a call, or
 * are the same for all; indexes lack, or are 0 for every call; names come once, in pieces or each time; arguments are
 * null, an object, or sent whole once more at the end.
 */
export function callGatherer() {
  const calls: PartialCall[] = [];

  return {
    /** @returns the piece of arguments it brought, and whose it is */
    push(piece: Loose): { text: string; id: string; name: string } {
      const id = typeof piece?.id === 'number' ? String(piece.id) : text(piece?.id);
      const said = piece?.function ?? piece;
      const name = text(said?.name);
      const args = argumentsText(said?.arguments ?? said?.parameters);
      const index = piece?.index === undefined || piece.index === null ? undefined : Number(piece.index);
      const call = ofCall(calls, { index, id, name, args });
      if (!call) {
        calls.push({ index, id, name, args });
        return { text: args, id, name };
      }
      call.id ||= id;
      call.name = joinedName(call.name, name);
      if (isObject(call.args)) {
        // A placeholder before the arguments, or the whole of them once more after.
        if (call.args.trim() === '{}' && args.trimStart().startsWith('{')) call.args = args;
        return { text: '', id: call.id, name: call.name };
      }
      call.args += args;
      return { text: args, id: call.id, name: call.name };
    },
    count: () => calls.filter(isCall).length,
    /** @throws ProviderError InvalidOutput */
    *whole(): Generator<CallChunk> {
      const used = new Set<string>();
      for (const call of calls.filter(isCall)) {
        yield { type: 'toolCall', call: toolCall(used.has(call.id) ? '' : call.id, call.name, call.args) };
        used.add(call.id);
      }
    },
  };
}

/** A placeholder that nothing followed is no call. */
function isCall({ name, args }: PartialCall): boolean {
  return name !== '' || args.trim() !== '';
}

/** The call a piece belongs to; undefined where it begins another one. */
function ofCall(calls: PartialCall[], { index, id, name, args }: PartialCall): PartialCall | undefined {
  const last = calls.at(-1);
  if (!last) return undefined;
  const sameId = id === '' ? undefined : calls.findLast((call) => call.id === id);
  const sameIndex = index === undefined ? undefined : calls.findLast((call) => call.index === index);
  // Whoever begins a call names its function; a finished call takes no further name.
  const begins = name !== '';
  if (sameId) {
    const done = begins && isObject(sameId.args) && sameId.args.trim() !== '{}';
    const again = name === sameId.name && isObject(args) && sameJson(args, sameId.args);
    const elsewhere = index !== sameId.index || (index === undefined ? !again : isObject(args) && !again);
    // Where every call has the same id, only the index tells them apart.
    return done && elsewhere ? (sameIndex === sameId ? undefined : sameIndex) : sameId;
  }
  if (!begins) return sameIndex ?? last;
  const known = index === undefined ? last : sameIndex;
  if (!known) return undefined;
  if (id !== '' && known.id !== '' && known.name !== '') return undefined;
  return isObject(known.args) && known.name !== '' ? undefined : nameFits(known, name) ? known : undefined;
}

function nameFits(call: PartialCall, name: string): boolean {
  return call.args.trim() === '' || call.name === '' || call.name === name;
}

/** Names come once, are repeated, grow, or come in pieces. */
function joinedName(known: string, name: string): string {
  if (name === '' || known === name) return known;
  return name.startsWith(known) ? name : known + name;
}

function sameJson(one: string, other: string): boolean {
  return JSON.stringify(parsedObject(one)) === JSON.stringify(parsedObject(other));
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function argumentsText(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : '';
}

function isObject(args: string): boolean {
  return args.trimEnd().endsWith('}') && parsedObject(args) !== undefined;
}

/** A whole tool call. @throws ProviderError InvalidOutput where its arguments are no object, or it names no tool */
export function toolCall(id: string, name: string, args: string | object | null | undefined, signature?: string) {
  const problem = name === '' ? 'The model called a tool without a name' : undefined;
  const value = parsedObject(argumentsText(args));
  if (problem || !value) {
    throw new ProviderError({
      type: 'InvalidOutput',
      message: problem ?? `The model called the tool ${name} with arguments that are not a JSON object`,
      hint: 'Ask again, allow more output tokens, or describe the tool’s parameters more plainly.',
    });
  }
  return {
    type: 'toolCall' as const,
    id: id || `call_${randomUUID()}`,
    name,
    arguments: value,
    ...(signature === undefined ? {} : { signature }),
  };
}

/** Arguments as an object; some models encode them twice, some say nothing where there are none. */
function parsedObject(args: string): Record<string, unknown> | undefined {
  const said = args.trim();
  if (said === '' || said === 'null') return {};
  try {
    const value: unknown = JSON.parse(said);
    if (typeof value === 'string') return value.trimStart().startsWith('{') ? parsedObject(value) : undefined;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // no JSON
  }
  return undefined;
}
