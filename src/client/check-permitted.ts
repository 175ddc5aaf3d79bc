import {
  type Caller,
  DEFAULT_EMBEDDINGS,
  fieldPath,
  isAlias,
  isPattern,
  type ModelRef,
  modelsOfGuardrails,
  type PolicyRef,
  policiesOf,
  Route,
} from '../contract/index.ts';
import { ProviderError } from '../providers/index.ts';
import type { OpenRooms } from '../runtime/open-rooms.ts';
import { type CadenzaError, refusal } from './errors.ts';

type Rooms = Pick<OpenRooms, 'config' | 'providers'>;
type Limits = Pick<Caller, 'tenant' | 'key' | 'models' | 'patterns'>;
type Fields = Record<string, unknown>;

/** Fields that name a policy, a model, or several. */
const REFS = [
  ...['policy', 'llm', 'model', 'models', 'members', 'candidates', 'judge', 'merge', 'rerank', 'chairman', 'worker'],
  ...['guardrailPolicy', 'embeddings'],
];
/** Fields of text and data, in which no model is named; a template may fill them whole. */
const TEXTS = [
  ...['prompt', 'system', 'question', 'goal', 'task', 'messages', 'message', 'text', 'texts', 'content', 'description'],
  ...['rubric', 'schema', 'tools', 'skills', 'items', 'source', 'sources', 'collection', 'inputs', 'output', 'when'],
  ...['forEach', 'repeat', 'plan', 'toolChoice', 'metadata', 'stopOn', 'id', 'name'],
];

/**
 * Whether a caller's key permits a start: the patterns it names, and every model it may come to ask, of its policies, judges,
 * fallbacks, guardrails and routers, and of the default policy where that is used. What is filled in only as the run goes
 * cannot be known here, and so is not for keys with a list of models.
 * @param input as its pattern has parsed it @throws CadenzaError Forbidden naming the pattern, or the model and its field
 */
export function assertPermitted(rooms: Rooms, limits: Limits, pattern: string, input: unknown): void {
  for (const [path, name] of [['pattern', pattern] as const, ...patternsIn(input, 'input')]) {
    assertPattern(limits, name, path);
  }
  if (limits.models === undefined || !isPattern(pattern)) return;
  const permitted = permittedModels(rooms, limits.models);
  for (const [path, ref] of refsIn(rooms, input as Fields, 'input')) assertPolicy(rooms, permitted, ref, path);
  if (usesDefault(pattern, input as Fields)) assertPolicy(rooms, permitted, undefined, 'defaultPolicy');
  const needsVectors = pattern === 'ingest' || pattern === 'embed';
  if (needsVectors && !hasAny(input as Fields, 'embeddings', 'model')) {
    assertModel(permitted, rooms.config.documents.embeddings, 'documents.embeddings');
  }
}

/** The same for a policy that stands alone. @throws CadenzaError Forbidden */
export function assertPermittedPolicy(rooms: Rooms, { models }: Limits, ref: PolicyRef, path: string): void {
  if (models !== undefined) assertPolicy(rooms, permittedModels(rooms, models), ref, path);
}

function assertPattern({ tenant, models, patterns }: Limits, name: string, path: string): void {
  const isLimited = tenant !== undefined || models !== undefined;
  // What a workflow of one's own does is not known here.
  if (patterns ? patterns.includes(name) : isPattern(name) || !isLimited) return;
  const hint = patterns ? `It may start: ${patterns.join(', ')}` : 'Name it among the patterns of the key';
  throw refusal('Forbidden', `This API key may not start "${name}"`, { path, hint });
}

function patternsIn(value: unknown, path: string): [path: string, name: string][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([field, inside]): [string, string][] => {
    const at = fieldPath(path, [Array.isArray(value) ? Number(field) : field]);
    if (field === 'pattern' && typeof inside === 'string') return [[at, inside]];
    return TEXTS.includes(field) ? [] : patternsIn(inside, at);
  });
}

type Permitted = (model: ModelRef) => boolean;

/** Names of policies and aliases stand for the models they stand for now. */
function permittedModels({ providers }: Rooms, models: string[]): Permitted {
  const whole = models.filter((name) => name.endsWith('/*')).map((name) => name.slice(0, -1));
  const single = models.flatMap((name) => {
    if (!isAlias(name)) return [name];
    try {
      return providers.resolvePolicy(name).candidates;
    } catch {
      return [];
    }
  });
  return (model) => single.includes(model) || whole.some((provider) => model.startsWith(provider));
}

function assertPolicy({ providers }: Rooms, permitted: Permitted, ref: PolicyRef | undefined, path: string): void {
  if (JSON.stringify(ref)?.includes('{{')) throw filledInLater(path);
  try {
    const { candidates, guardrails } = providers.resolvePolicy(ref, path);
    for (const model of candidates) assertModel(permitted, model, path);
    for (const [, judge] of modelsOfGuardrails(guardrails ?? {})) {
      for (const model of providers.resolvePolicy(judge, path).candidates) assertModel(permitted, model, path);
    }
  } catch (thrown) {
    // What is unknown is refused as that, a little later.
    if (!(thrown instanceof ProviderError)) throw thrown;
  }
}

function assertModel(permitted: Permitted, model: ModelRef, path: string): void {
  if (permitted(model) || model === DEFAULT_EMBEDDINGS) return;
  const hint = 'GET /v1/models lists those it may ask; who administers keys can allow more';
  throw refusal('Forbidden', `This API key may not ask ${model}, which ${path} names`, { path, hint });
}

function filledInLater(path: string): CadenzaError {
  return refusal('Forbidden', `${path} is filled in as the run goes: what it may name is not known before`, {
    hint: 'This API key is for some models alone: name them where they are used',
    path,
  });
}

/** Every policy, model and router an input names, or holds in the inputs of runs it starts. */
function refsIn(rooms: Rooms, fields: Fields, path: string): [path: string, ref: PolicyRef][] {
  const startsRuns = typeof fields.pattern === 'string';
  if (startsRuns && typeof (fields.input ?? '') === 'string') throw filledInLater(`${path}.input`);
  return Object.entries(fields).flatMap(([field, value]): [string, PolicyRef][] => {
    const at = fieldPath(path, [field]);
    if (value === undefined || TEXTS.includes(field) || (field === 'input' && !startsRuns)) return [];
    if (field === 'route') return refsOfRoute(rooms, value, at);
    if (REFS.includes(field)) {
      return Array.isArray(value)
        ? value.map((one, index) => [fieldPath(at, [index]), one])
        : [[at, value as PolicyRef]];
    }
    if (isTemplate(value)) throw filledInLater(at);
    return insideOf(value, at).flatMap(([deeper, one]) => refsIn(rooms, one, deeper));
  });
}

/** The objects a value is, or holds as a list. */
function insideOf(value: unknown, path: string): [string, Fields][] {
  if (Array.isArray(value)) return value.flatMap((one, index) => insideOf(one, fieldPath(path, [index])));
  return typeof value === 'object' && value !== null ? [[path, value as Fields]] : [];
}

/** A text that becomes whatever it names, with its fields. */
function isTemplate(value: unknown): boolean {
  return typeof value === 'string' && /^\s*\{\{.*\}\}\s*$/s.test(value);
}

function refsOfRoute({ config }: Rooms, ref: unknown, path: string): [string, PolicyRef][] {
  const isName = typeof ref === 'string';
  if (JSON.stringify(ref).includes('{{')) throw filledInLater(path);
  const route = isName
    ? Object.hasOwn(config.routes, ref)
      ? config.routes[ref]
      : undefined
    : Route.safeParse(ref).data;
  if (!route) return [];
  const embeddings = route.strategy === 'semantic' ? (route.embeddings ?? DEFAULT_EMBEDDINGS) : DEFAULT_EMBEDDINGS;
  const chosen = policiesOf(route).map(([inside, policy]): [string, PolicyRef] => [
    isName ? path : fieldPath(path, inside),
    policy,
  ]);
  return [...chosen, [`${path}.embeddings`, { candidates: [embeddings] }]];
}

/** Whether anything in it is asked of the config's default policy. */
function usesDefault(pattern: string, fields: Fields): boolean {
  const has = (...names: string[]) => hasAny(fields, ...names);
  const members = (field: string) => insideOf(asList(fields[field]), '').map(([, member]) => member);
  switch (pattern) {
    case 'compare':
    case 'council':
    case 'ingest':
    case 'embed':
      return false;
    case 'agent':
      return !has('policy') || members('agents').some((agent) => !hasAny(agent, 'policy'));
    case 'debate':
      return !has('policy') && members('debaters').some((debater) => !hasAny(debater, 'model', 'policy'));
    case 'crew':
      return (
        !has('policy') &&
        [...members('agents'), (fields.manager ?? {}) as Fields].some((one) => !hasAny(one, 'policy', 'llm'))
      );
    case 'map':
      return usesDefault(String(fields.pattern), { policy: fields.policy, ...(fields.input as Fields) });
    case 'chain':
      return members('steps').some((step) => stepUsesDefault(step, has('policy')));
    default:
      return !has('policy', 'route');
  }
}

function stepUsesDefault(step: Fields, hasPolicy: boolean): boolean {
  if (typeof step.pattern === 'string') return usesDefault(step.pattern, (step.input ?? {}) as Fields);
  const inside = [step.steps, step.parallel].flatMap((list) => insideOf(list, '').map(([, member]) => member));
  if (inside.length > 0) return inside.some((one) => stepUsesDefault(one, hasPolicy));
  return !hasPolicy && !hasAny(step, 'policy');
}

function hasAny(fields: Fields, ...names: string[]): boolean {
  return names.some((name) => fields[name] !== undefined);
}

/** Members stand in a list, or by their names. */
function asList(members: unknown): unknown[] {
  return Array.isArray(members) ? members : Object.values((members ?? {}) as object);
}
