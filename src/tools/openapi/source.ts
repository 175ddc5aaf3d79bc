import type { OpenApiConfig } from '../../config/index.ts';
import { type CallError, durationMs, type HttpMethod, type Log, suggestion } from '../../contract/index.ts';
import { argumentCheck } from '../argument-check.ts';
import type { ToolSource } from '../registry.ts';
import { isWanted, ruleFor } from '../rule-by-name.ts';
import { type Tool, type ToolContext, ToolFailure } from '../tool.ts';
import { toolNames } from '../tool-names.ts';
import { answerOf } from './answer.ts';
import { argumentsOf, type OperationArguments } from './arguments.ts';
import { addCredentials, isCredential } from './credentials.ts';
import { type ApiOperation, operationsOf } from './operations.ts';
import { fetchDocument, type OpenApiDocument, readFileDocument, UnavailableError } from './read-document.ts';
import { requestOf } from './request.ts';

/** The longest description all providers take, characters (OpenAI's limit is the lowest). */
const LONGEST_DESCRIPTION = 1_000;

/** An API as the config names it. */
interface Api {
  name: string;
  config: OpenApiConfig;
  /** `config.openapi.pets` */
  at: string;
  log: Log;
}

/**
 * The operations of HTTP APIs, as their OpenAPI files tell them, as tools named `<api>__<operationId>`. A file is read
 * when a tool of it is first asked for, and kept; one that could not be had is tried again.
 */
export function openApiSources(apis: Record<string, OpenApiConfig>, log: Log): ToolSource[] {
  return Object.entries(apis).map(([name, config]) => apiSource({ name, config, at: `config.openapi.${name}`, log }));
}

function apiSource(api: Api): ToolSource {
  const { name } = api;
  let reading: Promise<Tool[]> | undefined;
  return {
    prefix: `${name}__`,
    list() {
      reading ??= toolsOf(api).catch((error) => {
        reading = undefined;
        throw error;
      });
      return reading;
    },
  };
}

async function toolsOf(api: Api): Promise<Tool[]> {
  const { config, at } = api;
  const path = `${at}.${config.file === undefined ? 'url' : 'file'}`;
  const named = config.file ?? config.url!;
  try {
    const document = await (config.file === undefined ? fetchDocument(named) : readFileDocument(named));
    return operationTools(api, document);
  } catch (cause) {
    if (cause instanceof ToolFailure) throw cause;
    const { message: reason, name: kind } = cause as Error;
    // What fetch throws for a host that is away is a TypeError; for one that is slow, a TimeoutError.
    const isAway =
      cause instanceof UnavailableError || (config.url !== undefined && /^(Type|Timeout)Error$/.test(kind));
    const error: CallError = {
      type: isAway ? 'Unavailable' : 'InvalidRequest',
      message: `${path}: The OpenAPI file ${named} cannot be ${isAway ? 'had' : 'used'}. ${reason}`,
      path,
    };
    throw new ToolFailure(error, { retryable: isAway, cause });
  }
}

function operationTools(api: Api, document: OpenApiDocument): Tool[] {
  const { config, log, name } = api;
  const known: string[] = [];
  const operations = operationsOf(document, (id, route) => {
    known.push(id);
    return isWanted(config, id, route);
  });
  if (operations.length === 0) throw new Error(noneLeft(config, known));
  const nameOf = toolNames(name);
  const left: string[] = [];
  const tools = operations.flatMap((operation): Tool[] => {
    const route = `${operation.method} ${operation.path}`;
    const args = located(`paths.${operation.path}.${operation.method.toLowerCase()}`, () =>
      argumentsOf(document, operation, (parameter) => isCredential(config.auth, parameter)),
    );
    if (args === undefined) left.push(route);
    return args === undefined ? [] : [operationTool(api, operation, args, nameOf(operation.id))];
  });
  if (left.length > 0)
    log.warn({ api: name, operations: left }, 'operations whose body no model can write are no tools');
  return tools;
}

function noneLeft({ include }: OpenApiConfig, known: string[]): string {
  if (known.length === 0) return 'paths: It has no operations';
  const [wanted = ''] = include ?? [];
  return `No operation is left by include and exclude.${suggestion(wanted, known)}`;
}

function located<Value>(place: string, read: () => Value): Value {
  try {
    return read();
  } catch (cause) {
    throw new Error(`${place}: ${(cause as Error).message}`, { cause });
  }
}

function operationTool(
  { name: api, config, at }: Api,
  operation: ApiOperation,
  args: OperationArguments,
  name: string,
): Tool {
  const route = `${operation.method} ${operation.path}`;
  const onlyReads = operation.method === 'GET' || operation.method === 'HEAD';
  const replay = ruleFor(config.replay, operation.id, route) ?? (onlyReads ? 'safe' : 'unsafe');
  const baseUrl = addressOf(api, config, operation, at);
  const description = operation.text || route;

  async function run(given: unknown, context: ToolContext): Promise<unknown> {
    const request = asked(() => requestOf(baseUrl, operation, args, given as Record<string, unknown>));
    if (replay === 'unsafe') request.headers.set('idempotency-key', context.idempotencyKey);
    const secret = config.auth && addCredentials(request, config.auth, context.env, `${at}.auth`);
    const { url, ...init } = request;
    const response = await context.fetch(url, { ...init, signal: context.signal }).catch((thrown) => {
      throw secret ? withoutSecret(thrown, secret) : thrown;
    });
    return answerOf(response, route, context, replay === 'safe');
  }

  return {
    name,
    description:
      description.length > LONGEST_DESCRIPTION ? `${description.slice(0, LONGEST_DESCRIPTION)}…` : description,
    parameters: args.schema,
    check: argumentCheck(args.schema),
    replay,
    approval: ruleFor(config.approval, operation.id, route) ?? (onlyReads ? 'never' : 'always'),
    timeoutMs: durationMs(config.timeout),
    reach: { hosts: [new URL(baseUrl).host], methods: [operation.method as HttpMethod] },
    outside: `the API ${api}`,
    telling: args.parameters[0]?.key ?? args.body?.fields?.[0],
    run,
  };
}

/** Where the API is: what the config says, or the file; one that is relative begins at the file's own address. */
function addressOf(api: string, config: OpenApiConfig, { serverUrl = '/' }: ApiOperation, at: string): string {
  const given = config.baseUrl ?? serverUrl;
  if (URL.canParse(given, config.url)) return new URL(given, config.url).href;
  const message = `${at}.baseUrl: The OpenAPI file of ${api} does not say where the API is (servers: ${serverUrl})`;
  throw new ToolFailure({ type: 'InvalidRequest', message, path: `${at}.baseUrl` });
}

function asked<Value>(make: () => Value): Value {
  try {
    return make();
  } catch (cause) {
    throw new ToolFailure({ type: 'InvalidRequest', message: (cause as Error).message }, { cause });
  }
}

/** An error whose message may hold the address, and that a key. */
function withoutSecret(thrown: unknown, secret: string): unknown {
  if (thrown instanceof ToolFailure) {
    const message = thrown.error.message
      .replaceAll(secret, '[redacted]')
      .replaceAll(encodeURIComponent(secret), '[redacted]');
    return new ToolFailure({ ...thrown.error, message }, { retryable: thrown.retryable });
  }
  return thrown;
}
