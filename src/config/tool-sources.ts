import { z } from 'zod';
import { ApprovalRule, Duration, Replay } from '../contract/index.ts';

/** One rule for all tools of a source, or one for each name; names may hold `*`, and the first that fits wins. */
const byName = <Rule extends z.ZodType>(rule: Rule) => z.union([rule, z.record(z.string().min(1), rule)]);

/** A name that tools of a source begin with, before `__`. */
const SourceName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9-]*(_[A-Za-z0-9-]+)*$/, 'It is named with letters, digits, - and single _')
  .max(32);

/** The name of an environment variable. What it holds is read when it is needed, and never from the config. */
const Variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'It is the name of an environment variable');

const HttpUrl = z.url({ protocol: /^https?$/ });

export const OpenApiAuth = z.union([
  z.strictObject({ bearerEnv: Variable }),
  z.strictObject({ apiKeyEnv: Variable, header: z.string().min(1) }),
  z.strictObject({ apiKeyEnv: Variable, query: z.string().min(1) }),
  /** the variable holds `user:password` */
  z.strictObject({ basicEnv: Variable }),
]);
export type OpenApiAuth = z.infer<typeof OpenApiAuth>;

/** An HTTP API whose operations are tools. */
const OpenApiConfig = z
  .strictObject({
    /** OpenAPI 3.x in YAML or JSON, from the folder of the process */
    file: z.string().min(1).optional(),
    url: HttpUrl.optional(),
    /** where the API is; left out, the first of the file's `servers` */
    baseUrl: HttpUrl.optional(),
    auth: OpenApiAuth.optional(),
    /** operations by id, or `GET /pets/*`; left out, all */
    include: z.array(z.string().min(1)).min(1).optional(),
    exclude: z.array(z.string().min(1)).min(1).optional(),
    /** left out: never for GET and HEAD, always for all others */
    approval: byName(ApprovalRule).optional(),
    /** left out: safe for GET and HEAD, unsafe for all others */
    replay: byName(Replay).optional(),
    /** how long one call may take */
    timeout: Duration.default('1 minute'),
  })
  .refine(({ file, url }) => (file === undefined) !== (url === undefined), 'It needs either file or url');
export type OpenApiConfig = z.infer<typeof OpenApiConfig>;

/** OAuth 2 of an MCP server, with a program's own credentials (`client_credentials`). */
const McpOAuth = z.strictObject({
  clientId: z.string().min(1),
  clientSecretEnv: Variable,
  /** whom the secret is told, and nobody else: the address of the authorization server */
  issuer: HttpUrl,
  scope: z.string().optional(),
});

const mcpRules = {
  /** tools by name, `*` allowed; left out, all */
  include: z.array(z.string().min(1)).min(1).optional(),
  exclude: z.array(z.string().min(1)).min(1).optional(),
  /** left out, never */
  approval: byName(ApprovalRule).optional(),
  /** left out, what the server says of each: safe with `readOnlyHint` or `idempotentHint` */
  replay: byName(Replay).optional(),
  /** how long one request may take */
  timeout: Duration.default('1 minute'),
};

/** An MCP server whose tools agents may use: a program, or an address. */
const McpServerConfig = z.union([
  z.strictObject({
    command: z.string().min(1),
    args: z.array(z.string()).default([]),
    /** names of variables it is given; beside these it sees PATH, HOME and the like, and no key of ours */
    env: z.array(Variable).default([]),
    cwd: z.string().optional(),
    ...mcpRules,
  }),
  z.strictObject({
    url: HttpUrl,
    /** header -> the variable that holds it */
    headersEnv: z.record(z.string().min(1), Variable).default({}),
    oauth: McpOAuth.optional(),
    ...mcpRules,
  }),
]);
export type McpServerConfig = z.infer<typeof McpServerConfig>;

export const OpenApiSources = z.record(SourceName, OpenApiConfig);
export const McpServers = z.record(SourceName, McpServerConfig);

const SEARCH_KEYS = ['TAVILY_API_KEY', 'BRAVE_API_KEY'];

/** The variables that hold keys of search engines, APIs and MCP servers, whatever they are named. */
export function toolVariables({
  openapi,
  mcp,
}: {
  openapi: Record<string, OpenApiConfig>;
  mcp: Record<string, McpServerConfig>;
}): string[] {
  const ofApis = Object.values(openapi).flatMap(({ auth = {} }) => Object.entries(auth));
  const ofServers = Object.values(mcp).flatMap((server) =>
    'url' in server
      ? [...Object.entries(server.oauth ?? {}), ...Object.values(server.headersEnv).map((name) => ['headerEnv', name])]
      : [],
  );
  const named = [...ofApis, ...ofServers].flatMap(([field = '', variable]) =>
    field.endsWith('Env') && variable ? [variable] : [],
  );
  return [...SEARCH_KEYS, ...named];
}
