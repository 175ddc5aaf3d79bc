import { type CadenzaError, refusal } from '../errors.ts';

/** Says what is wrong with data that was given, and where. */
export function unusable(message: string, hint?: string): CadenzaError {
  return refusal('InvalidRequest', message, { hint, path: 'data' });
}

type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

/**
 * The text of a file that comes in pieces, without a byte order mark: UTF-8, or UTF-16 as Excel and PowerShell write it.
 * @param legacy also a text without any letter of UTF-8 that cannot be UTF-8: Windows-1252, as Excel writes CSV
 * @throws CadenzaError naming the line from which on it is none of these
 */
export async function* decodeText(
  chunks: AsyncIterable<Uint8Array | string>,
  { legacy = false } = {},
): AsyncGenerator<string> {
  let encoding: Encoding | undefined;
  let held: Uint8Array = new Uint8Array();
  let isAscii = true;
  let line = 1;

  function decode(bytes: Uint8Array, ended: boolean): string {
    const whole = ended ? bytes.length : wholeLength(bytes, encoding!);
    held = bytes.slice(whole);
    const known = bytes.subarray(0, whole);
    try {
      const text = new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(known);
      isAscii &&= text.length === known.length;
      return text;
    } catch {
      if (!legacy || encoding !== 'utf-8' || !isAscii || known.some(isUnused)) {
        const hint = legacy ? 'Save it as "CSV UTF-8"' : 'Save it as UTF-8';
        const [good = ''] = new TextDecoder(encoding).decode(known).split('\uFFFD');
        throw unusable(`The text is not UTF-8, from line ${line + good.split('\n').length - 1} on`, hint);
      }
      encoding = 'windows-1252';
      held = new Uint8Array();
      return new TextDecoder(encoding).decode(bytes);
    }
  }

  for await (const chunk of chunks) {
    if (typeof chunk === 'string') {
      yield encoding === undefined ? chunk.replace(/^\uFEFF/, '') : chunk;
      encoding ??= 'utf-8';
      continue;
    }
    const bytes = joined(held, chunk);
    held = bytes;
    if (encoding === undefined) {
      // Long enough to tell UTF-16 by its zeros, where it has no mark.
      if (bytes.length < 4) continue;
      encoding = encodingOf(bytes);
    }
    const text = decode(bytes, false);
    if (text === '') continue;
    yield line === 1 ? text.replace(/^\uFEFF/, '') : text;
    line += text.split('\n').length - 1;
  }
  if (held.length === 0) return;
  encoding ??= encodingOf(held);
  const text = decode(held, true);
  yield text.replace(/^\uFEFF/, '');
}

function encodingOf(bytes: Uint8Array): Encoding {
  const [a, b, c, d] = bytes;
  if (a === 0xff && b === 0xfe) return 'utf-16le';
  if (a === 0xfe && b === 0xff) return 'utf-16be';
  if (a !== 0 && b === 0 && c !== 0 && d === 0) return 'utf-16le';
  if (a === 0 && b !== 0 && c === 0 && d !== 0) return 'utf-16be';
  return 'utf-8';
}

/** How many bytes end with a whole character. */
function wholeLength(bytes: Uint8Array, encoding: Encoding): number {
  const { length } = bytes;
  if (encoding === 'windows-1252') return length;
  if (encoding !== 'utf-8') {
    const even = length - (length % 2);
    const high = encoding === 'utf-16le' ? bytes[even - 1] : bytes[even - 2];
    return high !== undefined && high >= 0xd8 && high < 0xdc ? even - 2 : even;
  }
  for (let back = 1; back <= Math.min(3, length); back++) {
    const byte = bytes[length - back]!;
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;
    const needs = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return needs > back ? length - back : length;
  }
  return length;
}

/** Bytes that Windows-1252 leaves free: with them a text is something else. */
function isUnused(byte: number): boolean {
  return byte === 0x81 || byte === 0x8d || byte === 0x8f || byte === 0x90 || byte === 0x9d;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
