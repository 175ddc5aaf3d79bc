import { readFile } from 'node:fs/promises';
import path from 'node:path';

/** How long a file may take to come, ms, and how large it may be, bytes: GitHub's own, of 1,100 operations, has 12 MB. */
const FETCH_WITHIN_MS = 30_000;
const MOST_BYTES = 50_000_000;

/** An OpenAPI 3.x document, whole in itself: every `$ref` begins with `#`. */
export type OpenApiDocument = Record<string, unknown> & { openapi: string };

/**
 * Reads an OpenAPI file. One on this machine may refer to others beside it.
 * @throws Error saying why it cannot be used
 */
export async function readFileDocument(file: string): Promise<OpenApiDocument> {
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === 'ENOENT' ? new Error(`There is no such file in ${process.cwd()}`, { cause }) : cause;
  });
  const parsed = await parsedText(text);
  return asOpenApi(refersToOthers(parsed) ? await bundled(file) : parsed);
}

/** @throws Error saying why the address gave no file that can be used */
export async function fetchDocument(url: string): Promise<OpenApiDocument> {
  const document = await parsedText(await fetchedText(url));
  if (refersToOthers(document))
    throw new Error('It refers to other files. Bundle it into one, or keep them here as file');
  return asOpenApi(document);
}

async function fetchedText(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_WITHIN_MS) });
  if (!response.ok) throw new UnavailableError(`It answered ${response.status}`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MOST_BYTES) throw new Error(`It is larger than ${MOST_BYTES / 1_000_000} MB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** A document that may be there another time. */
export class UnavailableError extends Error {}

// Both parsers are loaded with the first file: a start without one does not wait for them.

async function bundled(file: string): Promise<unknown> {
  const { bundle } = await import('@readme/openapi-parser');
  return bundle(path.resolve(file));
}

async function parsedText(text: string): Promise<unknown> {
  try {
    if (/^\s*\{/.test(text)) return JSON.parse(text);
    const { parse } = await import('yaml');
    return parse(text, { logLevel: 'error' });
  } catch (cause) {
    // A YAML error shows the lines around it after the first one.
    const [reason] = (cause as Error).message.split('\n');
    throw new Error(`It is neither JSON nor YAML: ${reason}`, { cause });
  }
}

function refersToOthers(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { $ref } = value as { $ref?: unknown };
  return (typeof $ref === 'string' && !$ref.startsWith('#')) || Object.values(value).some(refersToOthers);
}

function asOpenApi(document: unknown): OpenApiDocument {
  const { openapi, swagger } = (typeof document === 'object' && document !== null ? document : {}) as Record<
    string,
    unknown
  >;
  if (swagger !== undefined) throw new Error(`It is Swagger ${swagger}, not OpenAPI 3: convert it first`);
  if (typeof openapi === 'string' && /^3\.\d/.test(openapi)) return document as OpenApiDocument;
  throw new Error('It does not begin with openapi: 3.x, as an OpenAPI file does');
}
