import { z } from 'zod';
import { deepestIssue, fieldPath } from '../../contract/index.ts';
import type { OpenApiDocument } from './read-document.ts';

const Schema = z.union([z.record(z.string(), z.unknown()), z.boolean()]);
const Content = z.record(z.string(), z.object({ schema: Schema.optional() }));

const Parameter = z.object({
  name: z.string().min(1),
  in: z.enum(['path', 'query', 'header', 'cookie']),
  description: z.string().optional(),
  required: z.boolean().optional(),
  schema: Schema.optional(),
  content: Content.optional(),
  style: z.string().optional(),
  explode: z.boolean().optional(),
});
export type Parameter = z.infer<typeof Parameter>;

const RequestBody = z.object({
  description: z.string().optional(),
  required: z.boolean().optional(),
  content: Content,
});
export type RequestBody = z.infer<typeof RequestBody>;

const Server = z.object({
  url: z.string(),
  variables: z.record(z.string(), z.object({ default: z.coerce.string() })).optional(),
});

/** What an operation and its path may both say. */
const shared = { parameters: z.array(z.unknown()).optional(), servers: z.array(Server).optional() };

const Operation = z.object({
  ...shared,
  operationId: z.string().optional(),
  summary: z.string().optional(),
  description: z.string().optional(),
  requestBody: z.unknown().optional(),
});

const METHODS = ['get', 'head', 'post', 'put', 'patch', 'delete', 'options'] as const;

/** One operation of an API, with all references to parameters and bodies followed; those within schemas stay. */
export interface ApiOperation {
  /** its operationId, or made of method and path where it has none */
  id: string;
  method: Uppercase<(typeof METHODS)[number]>;
  path: string;
  /** what it does, in the file's words */
  text: string;
  parameters: Parameter[];
  body?: RequestBody;
  /** where the file says the API is; may be relative to the file's own address */
  serverUrl?: string;
}

/**
 * The operations of a document that a config wants, in the file's order.
 * @throws Error beginning with the place in the document where something is wrong: `paths./pets.get.parameters[0].in: ...`
 */
export function operationsOf(document: OpenApiDocument, wants: (id: string, route: string) => boolean): ApiOperation[] {
  const paths = checked(z.record(z.string(), z.unknown()), document.paths ?? {}, ['paths']);
  const servers = checked(z.array(Server).optional(), document.servers, ['servers']);
  return Object.entries(paths)
    .filter(([path]) => path.startsWith('/'))
    .flatMap(([path, given]) => {
      const at = ['paths', path];
      const item = checked(z.looseObject(shared), followed(document, given, at), at);
      return METHODS.filter((method) => item[method] !== undefined).flatMap((name): ApiOperation[] => {
        const here = [...at, name];
        const operation = checked(Operation, item[name], here);
        const method = name.toUpperCase() as ApiOperation['method'];
        const id = operation.operationId || `${name}${path}`;
        if (!wants(id, `${method} ${path}`)) return [];
        const parameters = parametersOf(document, item.parameters, at, operation.parameters, here);
        checkPath(path, parameters, here);
        return [
          {
            id,
            method,
            path,
            text: [operation.summary, operation.description].filter(Boolean).join('\n'),
            parameters,
            body: bodyOf(document, operation.requestBody, [...here, 'requestBody']),
            serverUrl: serverUrl(operation.servers ?? item.servers ?? servers),
          },
        ];
      });
    });
}

/** Those of the operation win over those of its path, by name and place. */
function parametersOf(
  document: OpenApiDocument,
  ofPath: unknown[] = [],
  pathAt: PropertyKey[],
  ofOperation: unknown[] = [],
  operationAt: PropertyKey[],
): Parameter[] {
  const found = new Map<string, Parameter>();
  const read = (list: unknown[], at: PropertyKey[]) => {
    for (const [index, given] of list.entries()) {
      const here = [...at, 'parameters', index];
      const parameter = checked(Parameter, followed(document, given, here), here);
      found.set(`${parameter.in} ${parameter.name}`, parameter);
    }
  };
  read(ofPath, pathAt);
  read(ofOperation, operationAt);
  return [...found.values()];
}

function bodyOf(document: OpenApiDocument, given: unknown, at: PropertyKey[]): RequestBody | undefined {
  return given === undefined ? undefined : checked(RequestBody, followed(document, given, at), at);
}

function checkPath(path: string, parameters: Parameter[], at: PropertyKey[]): void {
  for (const [, name] of path.matchAll(/\{([^}]+)\}/g)) {
    if (parameters.some((parameter) => parameter.in === 'path' && parameter.name === name)) continue;
    throw new Error(`${fieldPath('', [...at, 'parameters'])}: The path names {${name}}, which is no parameter of it`);
  }
}

function serverUrl(servers: z.infer<typeof Server>[] | undefined): string | undefined {
  const [server] = servers ?? [];
  return server?.url.replace(/\{([^}]+)\}/g, (whole, name: string) => server.variables?.[name]?.default ?? whole);
}

function checked<Shape extends z.ZodType>(shape: Shape, value: unknown, at: PropertyKey[]): z.output<Shape> {
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = deepestIssue(parsed.error.issues[0]!);
  throw new Error(`${fieldPath('', [...at, ...path])}: ${message}`);
}

/** A value, or what it refers to. @throws Error where a reference leads nowhere, or in a circle */
function followed(document: OpenApiDocument, given: unknown, at: PropertyKey[]): unknown {
  let value = given;
  for (let hops = 0; hops < 20; hops++) {
    const { $ref } = (value ?? {}) as { $ref?: unknown };
    if (typeof $ref !== 'string') return value;
    value = resolved(document, $ref);
    if (value === undefined) throw new Error(`${fieldPath('', at)}: There is no ${$ref}`);
  }
  throw new Error(`${fieldPath('', at)}: Its references lead in a circle`);
}

/** What a reference within the document stands for. RFC 6901 */
export function resolved(document: OpenApiDocument, ref: string): unknown {
  const keys = ref
    .replace(/^#\/?/, '')
    .split('/')
    .filter(Boolean)
    .map((key) => decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~'));
  return keys.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document);
}
