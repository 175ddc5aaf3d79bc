import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { DocumentType } from './document.ts';
import { MOST_BYTES, UnreadableError } from './document.ts';
import type { Fetched } from './fetch-url.ts';
import { fileOf, type ListedDocument } from './list-sources.ts';

const TYPES: Record<string, DocumentType> = {
  ...{ md: 'markdown', markdown: 'markdown', mdx: 'markdown', html: 'html', htm: 'html', xhtml: 'html' },
  ...{ pdf: 'pdf', docx: 'docx', csv: 'csv', tsv: 'csv' },
};
const MEDIA_TYPES: [start: string, type: DocumentType][] = [
  ['text/html', 'html'],
  ['application/xhtml', 'html'],
  ['application/pdf', 'pdf'],
  ['text/markdown', 'markdown'],
  ['text/csv', 'csv'],
  ['application/vnd.openxmlformats-officedocument.wordprocessingml', 'docx'],
];

export interface Loaded {
  bytes: Uint8Array;
  type: DocumentType;
}

export interface Loading {
  /** folders files may be read in, absolute */
  roots: string[];
  fetchUrl(url: string): Promise<Fetched>;
}

/** The bytes of a document, and what they are. @throws UnreadableError; what `fetchUrl` throws */
export async function loadSource({ source, kind, content }: ListedDocument, loading: Loading): Promise<Loaded> {
  if (kind === 'text') return { bytes: Buffer.from(content!.text), type: content!.type as DocumentType };
  if (kind === 'url') {
    const { bytes, mediaType, url } = await loading.fetchUrl(source);
    const told = MEDIA_TYPES.find(([start]) => mediaType.startsWith(start))?.[1];
    return { bytes, type: told ?? typeOf(new URL(url).pathname) };
  }
  return { bytes: await readWhole(await fileOf(source, loading.roots), source), type: typeOf(source) };
}

function typeOf(name: string): DocumentType {
  return TYPES[path.extname(name).slice(1).toLowerCase()] ?? 'text';
}

async function readWhole(file: string, source: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(file);
    if (size > MOST_BYTES) throw new UnreadableError(`${source} is larger than ${MOST_BYTES / 1_000_000} MB`);
    return await readFile(file);
  } catch (thrown) {
    if (thrown instanceof UnreadableError) throw thrown;
    throw new UnreadableError(`${source} cannot be read (${(thrown as NodeJS.ErrnoException).code})`);
  }
}
