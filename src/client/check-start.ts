import { type Config, refusalOfUrl } from '../config/index.ts';
import {
  type BegunRun,
  type Caller,
  type CrewDefinition,
  DIRECT_PATTERNS,
  type EmbedInput,
  fieldPath,
  isDirectPattern,
  isPattern,
  type ModelRef,
  modelsOfGuardrails,
  noCollection,
  ownName,
  PATTERNS,
  type PolicyRef,
  RunId,
  RunOptions,
  type Webhook,
  withoutUndefined,
} from '../contract/index.ts';
import { ProviderError } from '../providers/index.ts';
import type { OpenRooms } from '../runtime/open-rooms.ts';
import { checkCrew, policiesOfCrew } from './check-crew.ts';
import { assertPermitted } from './check-permitted.ts';
import { checkEmbeddings, checkRoutes } from './check-route.ts';
import { checkSchemas } from './check-schemas.ts';
import { checkTools } from './check-tools.ts';
import { CadenzaError, checked, refusal } from './errors.ts';

export interface StartOptions extends RunOptions {
  /** the workflow id; given twice, the second start returns the first run */
  id?: string;
  /** stands for the id where none is given: repeated, it gives the same run, and refuses another request (Conflict) */
  idempotencyKey?: string;
  /** the id was made for this start: nobody is asked whether there is a run of it */
  isNewId?: boolean;
  /** the id stands for one request, as an idempotency key does */
  isOneRequest?: boolean;
  /** `direct`: all of it as one activity; left out, as the policy of its input says */
  lane?: 'direct';
}

export interface CheckedStart {
  workflowType: string;
  lane?: 'direct';
  /** undefined: the queue patterns run on */
  taskQueue?: string;
  input: unknown;
  options: RunOptions;
  id?: string;
  /** nobody has used the id, or none was given */
  isNewId?: boolean;
  /** what it is to begin with at once, in this process */
  chain?: string;
  /** a process began it, and could not tell Temporal */
  begun?: BegunRun;
}

/** What a start is told, with what its caller cannot choose: whose it is, and who pays. */
export function ofCaller<Options extends StartOptions>(
  { tenant, key }: Pick<Caller, 'tenant' | 'key'>,
  options: Options,
): Options {
  const id = options.id === undefined ? undefined : ownName(options.id, tenant);
  return withoutUndefined({ ...options, id, tenant: tenant ?? options.tenant, key: key ?? options.key });
}

/** Finds everything that is wrong with a start before anything is started. @param caller whose key it must be permitted by
 *  @throws CadenzaError `InvalidRequest` with the path of the field, `Forbidden` */
export async function checkStart(
  { config, providers, store, tools }: Pick<OpenRooms, 'config' | 'providers' | 'store' | 'tools'>,
  pattern: string,
  input: unknown,
  { id, isNewId = id === undefined, lane: asked, idempotencyKey: _, isOneRequest: __, ...options }: StartOptions,
  caller: Pick<Caller, 'tenant' | 'key' | 'models' | 'patterns'> = {},
): Promise<CheckedStart> {
  const runOptions = withoutUndefined(checked(RunOptions, options, 'options'));
  await assertSendable(config, runOptions.webhook);
  const place = { id: checked(RunId.optional(), id, 'id'), isNewId, options: runOptions };

  if (isPattern(pattern)) {
    const parsed = checked(PATTERNS[pattern].input, input, 'input');
    assertPermitted({ config, providers }, caller, pattern, parsed);
    const wrongSchema = checkSchemas(parsed);
    if (wrongSchema) throw new CadenzaError('InvalidRequest', wrongSchema);
    await checkModels(providers, pattern, parsed);
    const wrongTool =
      pattern === 'crew'
        ? await checkCrew({ tools }, parsed as CrewDefinition)
        : // What whoever asks does itself is no tool of ours.
          pattern === 'ask'
          ? undefined
          : await checkTools(tools, parsed);
    if (wrongTool) throw new CadenzaError('InvalidRequest', wrongTool);
    const wrongRoute = await checkRoutes({ config, providers }, parsed);
    if (wrongRoute) throw new CadenzaError('InvalidRequest', wrongRoute);
    await checkCollection(store, parsed, runOptions.tenant);
    return {
      ...place,
      workflowType: pattern,
      lane: laneOf(providers, pattern, parsed as { policy?: PolicyRef }, asked),
      input,
    };
  }
  if (asked !== undefined) throw noDirectLane(pattern);
  const own = Object.hasOwn(config.workflows, pattern) ? config.workflows[pattern] : undefined;
  if (own) assertPermitted({ config, providers }, caller, pattern, {});
  if (own) return { ...place, workflowType: pattern, taskQueue: own.taskQueue, input };
  const known = [...Object.keys(PATTERNS), ...Object.keys(config.workflows)].join(', ');
  throw refusal('InvalidRequest', `No pattern named "${pattern}". Known here: ${known}`, {
    hint: 'A workflow of your own is named in cadenza.config.ts under workflows',
    path: 'pattern',
  });
}

/** Where neither the start nor the policy of the input says `direct`, the run is a workflow. */
function laneOf(
  providers: OpenRooms['providers'],
  pattern: string,
  { policy }: { policy?: PolicyRef },
  asked: StartOptions['lane'],
): CheckedStart['lane'] {
  if (!isDirectPattern(pattern)) {
    if (asked !== undefined) throw noDirectLane(pattern);
    return undefined;
  }
  if (asked !== undefined || (policy !== undefined && isFilledInLater(policy))) return asked;
  const usesDefault = pattern === 'ask' || pattern === 'chain';
  if (policy === undefined && !usesDefault) return undefined;
  return providers.resolvePolicy(policy).lane === 'direct' ? 'direct' : undefined;
}

function noDirectLane(pattern: string): CadenzaError {
  const hint = `Leave the lane out: ${pattern} runs as a workflow. The direct lane is for ${DIRECT_PATTERNS.join(', ')}`;
  return refusal('InvalidRequest', `"${pattern}" does not run in the direct lane`, { path: 'lane', hint });
}

/** @throws CadenzaError where a run's webhook cannot be sent. Its delivery checks the same again, as names may change */
async function assertSendable(config: Config, webhook: Webhook | undefined): Promise<void> {
  const found = webhook && (await refusalOfUrl(webhook.url, config.webhooks.privateHosts));
  if (!found) return;
  throw refusal('InvalidRequest', `options.webhook.url: ${found}`, {
    hint: 'A webhook goes to the public internet. Allow its host in cadenza.config.ts, under webhooks.privateHosts',
    path: 'options.webhook.url',
  });
}

/** @throws CadenzaError where a question is put to a collection that is not there; an ingest makes its own */
async function checkCollection({ documents }: OpenRooms['store'], input: object, tenant = ''): Promise<void> {
  if (!('collection' in input) || !('question' in input)) return;
  const { collection } = input as { collection: string };
  if (await documents.find(tenant, collection)) return;
  throw new CadenzaError('InvalidRequest', noCollection(collection, await documents.names(tenant)));
}

/** Checks every model and policy that an input names. */
async function checkModels(providers: OpenRooms['providers'], pattern: string, input: object): Promise<void> {
  if (pattern === 'embed') return checkEmbedder(providers, (input as EmbedInput).model);
  const { input: ofRows } = input as { input?: unknown };
  const inRows = pattern === 'map' && typeof ofRows === 'object' && ofRows !== null ? namedIn(ofRows, 'input.') : [];
  const inCrew = pattern === 'crew' ? policiesOfCrew(input as CrewDefinition) : [];
  const named = [...namedIn(input), ...inRows, ...inCrew];
  await Promise.all(
    named
      .filter(([, ref]) => !isFilledInLater(ref))
      .map(async ([path, ref]) => {
        const policy = resolved(providers, ref, fieldPath('input', [path]));
        const single = typeof ref === 'string';
        const checks = policy.candidates.map((model, index) =>
          providers.check(model, single ? `input.${path}` : fieldPath('input', [path, 'candidates', index])),
        );
        const judges = modelsOfGuardrails(policy.guardrails ?? {}).map(([inside, model]) =>
          providers.check(model, fieldPath('input', single ? [path] : [path, ...inside])),
        );
        const [error] = (await Promise.all([...checks, ...judges])).filter((found) => found !== undefined);
        if (error) throw new CadenzaError('InvalidRequest', error);
      }),
  );
}

/** Lists of models name those that talk. */
function checkEmbedder(providers: OpenRooms['providers'], model: ModelRef | undefined): void {
  try {
    checkEmbeddings(providers, model, 'input.model');
  } catch (thrown) {
    throw thrown instanceof ProviderError ? new CadenzaError('InvalidRequest', thrown.error) : thrown;
  }
}

interface Named {
  policy?: PolicyRef;
  model?: ModelRef;
  models?: ModelRef[];
  judge?: PolicyRef;
  merge?: PolicyRef;
  /** of an answer */
  rerank?: PolicyRef;
  /** of a conversation */
  context?: { summary?: { policy?: PolicyRef }; policy?: PolicyRef };
  /** of an agent: whom it may hand over to */
  agents?: Record<string, Named>;
  /** of a council */
  members?: ModelRef[];
  chairman?: PolicyRef;
  /** of a plan */
  worker?: PolicyRef;
  /** of a debate */
  debaters?: Named[];
  /** of a chain: each may hold further steps, or the input of a run of its own */
  steps?: (Named & { parallel?: Named[]; input?: object })[];
  parallel?: Named['steps'];
}

/** Every model and policy an input names, with the path to it. */
function namedIn(input: object, prefix = ''): [path: string, ref: PolicyRef][] {
  const {
    policy,
    model,
    judge,
    merge,
    rerank,
    chairman,
    worker,
    models,
    members,
    debaters,
    steps,
    parallel,
    context,
    agents,
  } = input as Named;
  const nested = Object.entries({ steps, parallel, debaters }).flatMap(([field, list]) =>
    listOf(list).flatMap((step, index) => {
      const at = `${prefix}${field}[${index}].`;
      return [...namedIn(step, at), ...('input' in step && step.input ? namedIn(step.input, `${at}input.`) : [])];
    }),
  );
  const named = Object.entries({ policy, model, judge, merge, rerank, chairman, worker }).map(([field, ref]) => [
    `${prefix}${field}`,
    ref,
  ]);
  const listed = Object.entries({ models, members }).flatMap(([field, list]) =>
    listOf(list).map((model, index) => [`${prefix}${field}[${index}]`, model]),
  );
  const summary = context?.summary ? namedIn(context.summary, `${prefix}context.summary.`) : [];
  const compaction = context?.policy ? namedIn({ policy: context.policy }, `${prefix}context.`) : [];
  const team = recordOf(agents).flatMap(([name, agent]) => namedIn(agent, `${prefix}agents.${name}.`));
  return [...named, ...listed, ...nested, ...summary, ...compaction, ...team].filter(
    (pair): pair is [string, PolicyRef] => pair[1] !== undefined,
  );
}

/** A template may stand where the list will be. */
function listOf<Item>(value: Item[] | undefined): Item[] {
  return Array.isArray(value) ? value : [];
}

/** Of a crew it is a list, whose models its own check knows. */
function recordOf(agents: Named['agents']): [string, Named][] {
  return agents === undefined || Array.isArray(agents) ? [] : Object.entries(agents);
}

/** A chain fills in the input of its sub-runs as it goes; those check it themselves. */
function isFilledInLater(ref: PolicyRef): boolean {
  return JSON.stringify(ref).includes('{{');
}

function resolved(providers: OpenRooms['providers'], ref: PolicyRef, path: string) {
  try {
    return providers.resolvePolicy(ref, path);
  } catch (thrown) {
    throw thrown instanceof ProviderError ? new CadenzaError('InvalidRequest', thrown.error) : thrown;
  }
}
