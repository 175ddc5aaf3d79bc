import type { OperationArguments } from './arguments.ts';
import type { ApiOperation, Parameter } from './operations.ts';

/** What goes between the values of a list, where it is one parameter (OpenAPI 3.0.3, "Style Values"). */
const SEPARATORS: Record<string, string> = { spaceDelimited: ' ', pipeDelimited: '|' };

export interface ApiRequest {
  url: URL;
  method: string;
  headers: Headers;
  body?: string | FormData;
}

/** The request an operation is, with its arguments in their places. @throws Error where an argument would change the path */
export function requestOf(
  baseUrl: string,
  { method, path }: ApiOperation,
  { parameters, body }: OperationArguments,
  args: Record<string, unknown>,
): ApiRequest {
  const headers = new Headers({ accept: 'application/json, text/*;q=0.9, */*;q=0.5' });
  const given = parameters.filter(({ key }) => args[key] !== undefined && args[key] !== null);
  const inPlace = (place: Parameter['in']) => given.filter(({ parameter }) => parameter.in === place);

  const filled = inPlace('path').reduce(
    (text, { key, parameter }) => text.replaceAll(`{${parameter.name}}`, () => segment(parameter, args[key])),
    path,
  );
  const url = new URL(`${baseUrl.replace(/\/+$/, '')}${filled}`);
  for (const { key, parameter } of inPlace('query')) {
    for (const [name, value] of queryPairs(parameter, args[key])) url.searchParams.append(name, value);
  }
  for (const { key, parameter } of inPlace('header')) headers.set(parameter.name, plain(args[key]));
  const cookies = inPlace('cookie').map(
    ({ key, parameter }) => `${parameter.name}=${encodeURIComponent(plain(args[key]))}`,
  );
  if (cookies.length > 0) headers.set('cookie', cookies.join('; '));
  const content = body && bodyOf(body, args);
  if (typeof content === 'string') headers.set('content-type', body!.mediaType.replace('*/*', 'application/json'));
  return { url, method, headers, body: content };
}

/** A value in a path: it may hold no slash, and be no step upwards. */
function segment({ name, content }: Parameter, value: unknown): string {
  const text = content === undefined ? plain(value) : JSON.stringify(value);
  if (text === '' || text === '.' || text === '..') throw new Error(`"${text}" cannot be the ${name} of an address`);
  return encodeURIComponent(text);
}

function queryPairs({ name, style = 'form', explode, content }: Parameter, value: unknown): [string, string][] {
  if (content !== undefined) return [[name, JSON.stringify(value)]];
  const exploded = explode ?? style === 'form';
  if (Array.isArray(value)) {
    const parts = value.map(plain);
    return exploded ? parts.map((part) => [name, part]) : [[name, parts.join(SEPARATORS[style] ?? ',')]];
  }
  if (typeof value !== 'object' || value === null) return [[name, plain(value)]];
  const entries = Object.entries(value).map(([key, part]): [string, string] => [key, plain(part)]);
  if (style === 'deepObject') return entries.map(([key, part]) => [`${name}[${key}]`, part]);
  return exploded ? entries : [[name, entries.flat().join(',')]];
}

function bodyOf({ mediaType, fields }: NonNullable<OperationArguments['body']>, args: Record<string, unknown>) {
  const value = fields
    ? Object.fromEntries(fields.filter((name) => args[name] !== undefined).map((name) => [name, args[name]]))
    : (args.request_body ?? args.body);
  if (value === undefined) return undefined;
  if (mediaType.startsWith('text/')) return plain(value);
  if (mediaType.startsWith('application/x-www-form-urlencoded'))
    return new URLSearchParams(formPairs(value)).toString();
  if (!mediaType.startsWith('multipart/form-data')) return JSON.stringify(value);
  const form = new FormData();
  for (const [name, part] of formPairs(value)) form.append(name, part);
  return form;
}

function formPairs(value: unknown): [string, string][] {
  return Object.entries(value as Record<string, unknown>).flatMap(([name, part]) =>
    (Array.isArray(part) ? part : [part]).map((item): [string, string] => [name, plain(item)]),
  );
}

/** A value as one word of an address or header; objects as JSON. */
function plain(value: unknown): string {
  if (Array.isArray(value)) return value.map(plain).join(',');
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}
