import {
  type AgentDefinition,
  type AskInput,
  type Caller,
  isAlias,
  isPattern,
  ModelRef,
  nearestNames,
  type Policy,
  type PolicyRef,
  policiesOf,
  type Route,
} from '../contract/index.ts';
import { type PriceOverrides, ProviderError, priceOf } from '../providers/index.ts';
import type { OpenRooms } from '../runtime/open-rooms.ts';
import { assertPermittedPolicy } from './check-permitted.ts';
import { CadenzaError } from './errors.ts';

/** Patterns that make one answer of a question, and so can stand where a model does. */
export const ANSWERING_PATTERNS = ['best-of', 'council'] as const;
export type AnsweringPattern = (typeof ANSWERING_PATTERNS)[number];

/** The name that lets the config's router choose. */
const AUTO = 'auto';
const AGENT = 'agent';
const agentName = (name: string) => `${AGENT}:${name}`;
const NAMES_TOLD = 8;
/** Models that make vectors, as their providers name them (the SDKs' `EmbeddingModel`, and Gemini's documentation). */
const EMBEDDING_IDS: [RegExp, string][] = [
  [/^text-embedding-(ada-002|3-)/, 'openai'],
  [/^gemini-embedding-/, 'gemini'],
];

/** What can be named as a model. */
export interface NamedModel {
  id: string;
  kind: 'model' | 'policy' | 'route' | 'pattern' | 'agent';
  /** of a model: its provider; else `cadenza` */
  ownedBy: string;
  /** USD of a million tokens, where they are known; longer requests may cost more */
  price?: { inputPerMillion: number; outputPerMillion: number };
}

/** What a model's name stands for. `checksAnswers`: guardrails look at what is said before anybody may use it. */
export type ModelMeaning =
  | { policy: PolicyRef; checksAnswers: boolean }
  | { route: string; checksAnswers: boolean }
  | { pattern: AnsweringPattern; policy: Policy }
  | { agent: AgentDefinition };

/** Everything that programs which only know models can ask. */
export interface Models {
  /** Models of all providers with a key, policies, aliases, routers and patterns. At most 2 s. */
  list(): Promise<NamedModel[]>;
  /**
   * What a name stands for: `provider/model`, a policy or an alias, several of them with commas between (tried in that
   * order), `auto` or a router, a pattern (`council`, `council:fast,strong`), an agent of the config (`agent:librarian`),
   * or a provider's own model id.
   * @throws CadenzaError NotFound, naming the nearest
   */
  find(name: string): ModelMeaning;
  /** Whether guardrails look at an answer before anybody may use it; true too where the config no longer knows who answers. */
  checksAnswers(asked: Pick<AskInput, 'policy' | 'route'>): boolean;
  /** Who makes vectors under this name: `provider/model`, an alias, or a provider's own model id.
   *  @throws CadenzaError NotFound */
  findEmbeddings(name: string): ModelRef;
}

/** @param caller whose key may ask only some of it */
export function createModels(rooms: Pick<OpenRooms, 'config' | 'providers'>, caller: Caller): Models {
  const { config, providers } = rooms;
  const routers = Object.keys(config.routes);
  const agents = Object.keys(config.agents);

  function find(name: string): ModelMeaning {
    if (name === AUTO) return routed(autoRoute());
    const [pattern, rest] = split(name);
    if (pattern === AGENT && rest !== undefined && Object.hasOwn(config.agents, rest))
      return { agent: config.agents[rest]! };
    if (isAnswering(pattern)) return { pattern, policy: policyFor(rest === undefined ? undefined : named(rest)) };
    if (Object.hasOwn(config.routes, name) && !providers.names().includes(name)) return routed(name);
    const policy = named(name);
    return { policy, checksAnswers: checks(policyFor(policy)) };
  }

  /** A policy's name, or the candidates a list of names stands for. */
  function named(name: string): PolicyRef {
    const names = name.split(',').map((one) => one.trim());
    if (names.length === 1) return known(names[0]!);
    return { candidates: names.map(known) };
  }

  function known(name: string): string {
    if (!ModelRef.safeParse(name).success) throw notFound(name);
    if (!isAlias(name) || providers.names().includes(name)) return name;
    const ref = providers.refOf(name);
    if (ref === undefined) throw notFound(name);
    return ref;
  }

  function policyFor(ref: PolicyRef | undefined): Policy {
    try {
      return providers.resolvePolicy(ref, 'model');
    } catch (thrown) {
      throw thrown instanceof ProviderError ? new CadenzaError('InvalidRequest', thrown.error) : thrown;
    }
  }

  function routed(route: string): ModelMeaning {
    return { route, checksAnswers: routerChecks(config.routes[route] as Route) };
  }

  function routerChecks(router: Route): boolean {
    const policies = policiesOf(router).map(([, policy]) => policyFor(policy));
    return policies.some(checks);
  }

  /** The router called so, or the only one. */
  function autoRoute(): string {
    if (Object.hasOwn(config.routes, AUTO)) return AUTO;
    if (routers.length === 1) return routers[0]!;
    throw new CadenzaError('NotFound', {
      type: 'ModelNotFound',
      message:
        routers.length === 0
          ? 'No router is set up that could choose a model for "auto".'
          : `There are several routers, and none of them is called "auto": ${routers.join(', ')}.`,
      hint: 'Add one named auto to `routes` in cadenza.config.ts, or name a model, a policy or a router.',
      path: 'model',
    });
  }

  function notFound(name: string): CadenzaError {
    const others = [AUTO, ...providers.names(), ...routers, ...ANSWERING_PATTERNS, ...agents.map(agentName)];
    return unknownModel(
      `There is no model "${name}".`,
      nearestNames(name, others, NAMES_TOLD),
      'GET /v1/models lists all of them; a model is written provider/model.',
    );
  }

  /** Policies, routers and patterns have no vectors. */
  function noEmbeddings(name: string): CadenzaError {
    return unknownModel(
      `"${name}" names no model that makes vectors.`,
      nearestNames(name, Object.keys(config.aliases), NAMES_TOLD),
      'One is written provider/model, for example openai/text-embedding-3-small, or is an alias of the config.',
    );
  }

  function mayStart(pattern: string): boolean {
    return caller.patterns?.includes(pattern) ?? true;
  }

  function mayAsk(ref: PolicyRef | undefined): boolean {
    try {
      assertPermittedPolicy(rooms, caller, ref ?? config.defaultPolicy, 'model');
      return true;
    } catch {
      return false;
    }
  }

  function mayRoute(name: string): boolean {
    const route = config.routes[name === AUTO ? autoRoute() : name] as Route;
    return policiesOf(route).every(([, policy]) => mayAsk(policy));
  }

  return {
    find,
    checksAnswers({ policy, route }) {
      try {
        if (route === undefined) return checks(policyFor(policy));
        return routerChecks(typeof route === 'string' ? (config.routes[route] as Route) : route);
      } catch {
        return true;
      }
    },
    findEmbeddings(name) {
      if (ModelRef.safeParse(name).success && !isAlias(name)) return name;
      const alias = Object.hasOwn(config.aliases, name) ? config.aliases[name] : undefined;
      const provider = EMBEDDING_IDS.find(([ids]) => ids.test(name))?.[1];
      if (alias !== undefined) return alias;
      if (provider === undefined) throw noEmbeddings(name);
      return `${provider}/${name}`;
    },
    async list() {
      const of = (kind: NamedModel['kind']) => (id: string) => ({ id, kind, ownedBy: 'cadenza' });
      const models = (await providers.known()).map((id) => ({
        id,
        kind: 'model' as const,
        ownedBy: id.split('/')[0]!,
        price: priceOfMillion(id, config.prices),
      }));
      const auto = routers.length === 1 || routers.includes(AUTO) ? [AUTO] : [];
      return [
        ...providers.names().filter(mayAsk).map(of('policy')),
        ...[...new Set([...auto, ...routers])].filter(mayRoute).map(of('route')),
        ...ANSWERING_PATTERNS.filter((name) => mayStart(name) && mayAsk(undefined)).map(of('pattern')),
        ...agents
          .filter((name) => mayStart(AGENT) && mayAsk(config.agents[name]!.policy))
          .map(agentName)
          .map(of('agent')),
        ...models.filter(({ id }) => mayAsk(id)),
      ];
    },
  };
}

/** Counted by the thousand: some models cost more in long requests. */
function priceOfMillion(model: ModelRef, overrides: PriceOverrides): NamedModel['price'] {
  const [input, output] = [
    { inputTokens: 1_000, outputTokens: 0 },
    { inputTokens: 0, outputTokens: 1_000 },
  ].map((usage) => priceOf(model, usage, overrides));
  if (typeof input !== 'number' || typeof output !== 'number') return undefined;
  const rounded = (usd: number) => Number((usd * 1_000).toFixed(6));
  return { inputPerMillion: rounded(input), outputPerMillion: rounded(output) };
}

function unknownModel(message: string, known: string[], hint: string): CadenzaError {
  const names = known.length === 0 ? '' : ` Known names: ${known.join(', ')}.`;
  return new CadenzaError('NotFound', { type: 'ModelNotFound', message: `${message}${names}`, hint, path: 'model' });
}

/** `council:fast,strong` is the pattern and its models. */
function split(name: string): [string, string | undefined] {
  const at = name.indexOf(':');
  return at === -1 ? [name, undefined] : [name.slice(0, at), name.slice(at + 1)];
}

function isAnswering(name: string): name is AnsweringPattern {
  return isPattern(name) && (ANSWERING_PATTERNS as readonly string[]).includes(name);
}

function checks({ guardrails }: Policy): boolean {
  return (guardrails?.after?.length ?? 0) > 0;
}
