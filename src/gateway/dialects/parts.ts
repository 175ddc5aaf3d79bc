import type { FilePart, Part } from '../../contract/index.ts';
import { unsupported } from './errors.ts';

type ImagePart = Extract<Part, { type: 'image' }>;

const IMAGES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'] as const;
const DATA_URL = /^data:([\w.+-]+\/[\w.+-]+)((?:;[\w=.+-]+)*);base64,/;

/** An image by its address or data URL. @throws ProblemError naming the field */
export function imagePart(url: string, param: PropertyKey[]): ImagePart {
  if (!url.startsWith('data:')) {
    if (URL.canParse(url)) return { type: 'image', url };
    throw unsupported(param, 'An image is given by an https address or a data URL.');
  }
  const { mediaType, data } = dataOf(url, param);
  return inlineImage(mediaType, data, param);
}

export function inlineImage(mediaType: string, data: string, param: PropertyKey[]): ImagePart {
  const known = IMAGES.find((type) => type === mediaType);
  if (known) return { type: 'image', mediaType: known, data };
  throw unsupported(param, `Images are PNG, JPEG, GIF or WebP, not ${mediaType}.`);
}

/** A file by its data URL, or its bare base64 and name. @throws ProblemError naming the field */
export function filePart(file: { data: string; name?: string }, param: PropertyKey[]): FilePart {
  const { data, name } = file;
  if (data.startsWith('data:')) return { type: 'file', ...dataOf(data, param), ...named(name) };
  if (name && /\.pdf$/i.test(name)) return { type: 'file', mediaType: 'application/pdf', data, name };
  throw unsupported(param, 'A file is given as a data URL, which names its media type.');
}

/** A file by its address, whose name tells what it is; else it is taken for a PDF. */
export function fileAt(url: string, name?: string): FilePart {
  const ending = /\.(txt|md|csv|html?|json)$/i.exec(URL.canParse(url) ? new URL(url).pathname : '')?.[1];
  return { type: 'file', mediaType: ending ? 'text/plain' : 'application/pdf', url, ...named(name) };
}

function named(name: string | undefined): { name?: string } {
  return name === undefined ? {} : { name };
}

function dataOf(url: string, param: PropertyKey[]): { mediaType: string; data: string } {
  const found = DATA_URL.exec(url);
  if (!found) throw unsupported(param, 'A data URL is written data:<media type>;base64,<data>.');
  return { mediaType: found[1]!, data: url.slice(found[0].length) };
}

/** Arguments of a tool call, as models write them. @throws ProblemError naming the field */
export function toolArguments(text: string, param: PropertyKey[]): Record<string, unknown> {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // no JSON
  }
  throw unsupported(param, 'The arguments of a tool call are a JSON object.');
}
