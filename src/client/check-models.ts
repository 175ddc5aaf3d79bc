import {
  type CallError,
  type CrewDefinition,
  type EmbedInput,
  fieldPath,
  type ModelRef,
  modelsOfGuardrails,
  type PolicyRef,
} from '../contract/index.ts';
import { ProviderError } from '../providers/index.ts';
import type { OpenRooms } from '../runtime/open-rooms.ts';
import { policiesOfCrew } from './check-crew.ts';
import { checkEmbeddings } from './check-embeddings.ts';
import { CadenzaError } from './errors.ts';

/** Checks every model and policy that an input names. */
export async function checkModels(providers: OpenRooms['providers'], pattern: string, input: object): Promise<void> {
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
        const candidates = policy.candidates.map(
          (model, index): Placed => [single ? `input.${path}` : fieldPath('input', [path, 'candidates', index]), model],
        );
        const judges = modelsOfGuardrails(policy.guardrails ?? {}).map(([inside, model]): Placed[] => [
          [fieldPath('input', single ? [path] : [path, ...inside]), model],
        ]);
        const checks = [candidates, ...judges].map((placed) => checkCandidates(providers, placed));
        const error = (await Promise.all(checks)).find((found) => found !== undefined);
        if (error) throw new CadenzaError('InvalidRequest', error);
      }),
  );
}

/** A model, and where it stands. */
export type Placed = [path: string, model: ModelRef];

/** Why none of a policy's candidates can be asked, or what is wrong with one. One whose key is missing is passed over, as it is
 *  where models are called. */
export async function checkCandidates(
  providers: OpenRooms['providers'],
  candidates: Placed[],
): Promise<CallError | undefined> {
  const errors = await Promise.all(candidates.map(([path, model]) => providers.check(model, path)));
  const wrong = errors.find((error) => error !== undefined && !isMissingKey(error));
  return wrong ?? (errors.every((error) => error !== undefined) ? errors[0] : undefined);
}

function isMissingKey({ type }: CallError): boolean {
  return type === 'AuthenticationFailed';
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
export function isFilledInLater(ref: PolicyRef): boolean {
  return JSON.stringify(ref).includes('{{');
}

function resolved(providers: OpenRooms['providers'], ref: PolicyRef, path: string) {
  try {
    return providers.resolvePolicy(ref, path);
  } catch (thrown) {
    throw thrown instanceof ProviderError ? new CadenzaError('InvalidRequest', thrown.error) : thrown;
  }
}
