import { createRoute, type RouteConfig, z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import type { Permission } from '../contract/index.ts';
import type { Dialect, GatewayEnv } from './app.ts';
import { requirePermission } from './authorization.ts';
import { BODY_LIMITS, limitBody, limitDepth } from './limit-body.ts';
import { Problem } from './problem.ts';

type Answers = RouteConfig['responses'];

/** What a route is beside its path. */
interface RouteSpec extends Omit<RouteConfig, 'responses' | 'middleware' | 'security'> {
  /** what a key must permit; `anyone` asks for no key, `oversee` for one of no tenant */
  may: Permission | 'anyone' | 'oversee';
  /** what it answers when all goes well */
  answers: Answers;
  /** refusals that neither the key, the body nor the path explain */
  refuses?: ('unsigned' | 'conflict' | 'ended' | 'notFound' | 'budget' | 'unknownModel' | 'provider')[];
  /** bytes (default 16 MiB); a body that is `streamed` is limited where it is read */
  bodyLimit?: number | 'streamed';
  /** in whose words it refuses */
  dialect?: Dialect;
}

type Described<Spec extends RouteSpec> = Omit<Spec, 'may' | 'answers' | 'refuses' | 'bodyLimit' | 'dialect'> & {
  responses: Spec['answers'];
  getRoutingPath(): string;
};

/**
 * One way to describe a route, which gives it its permission, its body limit, its refusals and its entry in the OpenAPI
 * document. Whose run, approval or schedule an id names the caller's client knows (`c.get('client')`): another tenant's is
 * not found.
 */
export function route<const Spec extends RouteSpec>(spec: Spec): Described<Spec> {
  const { may, answers, refuses, bodyLimit, dialect = 'problem', ...config } = spec;
  const middleware: MiddlewareHandler<GatewayEnv>[] = [
    async (c, next) => {
      c.set('dialect', dialect);
      await next();
    },
    requirePermission(may),
    ...(bodyLimit === 'streamed' ? [] : [limitBody(bodyLimit ?? BODY_LIMITS.json), limitDepth]),
  ];
  const described = { ...config, middleware, responses: { ...answers, ...refusalsOf(spec) } };
  // What is refused is thrown: handlers answer with what is left.
  return createRoute(described as never) as unknown as Described<Spec>;
}

/** A JSON answer, as a route describes it. */
export function json<Schema extends z.ZodType>(description: string, schema: Schema) {
  return { description, content: { 'application/json': { schema } } };
}

const REFUSALS = {
  badRequest: [400, 'The request is not usable'],
  unauthorized: [401, 'An API key is needed'],
  unsigned: [401, 'The signature does not hold'],
  forbidden: [403, 'The API key does not permit it'],
  budget: [402, 'The budget does not reach'],
  unknownModel: [404, 'There is no model of that name'],
  provider: [502, 'The model’s provider did not answer'],
  notFound: [404, 'There is nothing of that id'],
  conflict: [409, 'It cannot be done any more, or is there already'],
  ended: [409, 'The run failed or was cancelled'],
  tooLarge: [413, 'The body is too large'],
  notJson: [415, 'The body is not said to be JSON'],
  limited: [429, 'The API key has asked too often'],
  unreachable: [503, 'Temporal or the store cannot be reached'],
  slow: [504, 'The model’s provider was too slow'],
  overloaded: [529, 'The model’s provider is overloaded'],
} as const;
type Refusal = keyof typeof REFUSALS;

/** In OpenAI's words, and in Anthropic's. */
const OpenAiError = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string().nullable(),
    }),
  })
  .openapi('OpenAiError');
const AnthropicError = z
  .object({
    type: z.literal('error'),
    error: z.object({ type: z.string(), message: z.string() }),
    request_id: z.string(),
  })
  .openapi('AnthropicError');

const CONTENT: Record<Dialect, Record<string, { schema: z.ZodType }>> = {
  problem: { 'application/problem+json': { schema: Problem } },
  openai: { 'application/json': { schema: OpenAiError } },
  anthropic: { 'application/json': { schema: AnthropicError } },
};

function refusalsOf({ may, request, path, refuses = [], dialect = 'problem' }: RouteSpec): Answers {
  const isGiven = request?.params !== undefined || request?.query !== undefined || request?.headers !== undefined;
  const hasBody = request?.body !== undefined;
  const all: Refusal[] = [
    ...(may === 'anyone' ? [] : (['unauthorized', 'forbidden', 'limited'] as const)),
    ...(isGiven || hasBody ? (['badRequest'] as const) : []),
    ...(hasBody ? (['tooLarge', 'notJson'] as const) : []),
    ...(path.includes('{') ? (['notFound'] as const) : []),
    ...refuses,
    ...(refuses.includes('provider') ? (['slow'] as const) : []),
    ...(refuses.includes('provider') && dialect === 'anthropic' ? (['overloaded'] as const) : []),
    'unreachable',
  ];
  const content = CONTENT[dialect];
  return Object.fromEntries(
    all.map((name) => {
      const [status, description] = REFUSALS[name];
      return [status, { description, content }];
    }),
  );
}
