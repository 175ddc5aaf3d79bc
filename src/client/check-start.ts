import { type Config, refusalOfUrl } from '../config/index.ts';
import {
  type BegunRun,
  type Caller,
  type CrewDefinition,
  DIRECT_PATTERNS,
  isDirectPattern,
  isPattern,
  noCollection,
  ownName,
  PATTERNS,
  type PolicyRef,
  RunId,
  RunOptions,
  type Webhook,
  withoutUndefined,
} from '../contract/index.ts';
import type { OpenRooms } from '../runtime/open-rooms.ts';
import { checkCrew } from './check-crew.ts';
import { checkModels, isFilledInLater } from './check-models.ts';
import { assertOwnName } from './check-own-name.ts';
import { assertPermitted } from './check-permitted.ts';
import { checkRoutes } from './check-route.ts';
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
  if (!isNewId) await assertOwnName(store, place.id, runOptions.tenant, 'id');

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
