import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import {
  type Caller,
  FORK_MEMO,
  type Fork,
  type ForkEstimate,
  ForkRun,
  fieldPath,
  isDirectChain,
  type ModelRef,
  originalRunOf,
  ownName,
  type PolicyRef,
  RunOptions,
} from '../contract/index.ts';
import { ProviderError } from '../providers/index.ts';
import { describeRun, orNothing } from '../runtime/describe-run.ts';
import type { OpenRooms } from '../runtime/open-rooms.ts';
import { startArguments } from '../runtime/start-arguments.ts';
import type { StoredRun } from '../store/index.ts';
import { checkCandidates, type Placed } from './check-models.ts';
import { assertPermittedPolicy } from './check-permitted.ts';
import { type CheckedStart, checkStart, ofCaller } from './check-start.ts';
import { CadenzaError, checked, refusal } from './errors.ts';
import { estimateFork } from './estimate-fork.ts';

export interface ForkParts {
  temporal: Client;
  rooms: OpenRooms;
  caller: Omit<Caller, 'role'>;
  /** @returns the chain of the new run, undefined when there is one with this id already */
  start(checked: CheckedStart, id: string, memo: Record<string, unknown>): Promise<string | undefined>;
}

/** These take what they do from elsewhere than their input, and have ways of their own to go on. */
const NOT_FORKED: Record<string, string> = {
  map: 'Rows are asked again by a new map that names this one in after.',
  conversation: 'Its messages are not part of its input: start another one, and send them.',
};

/** Starts a run that goes another way from a step on, or says what it would cost.
 *  @throws CadenzaError before anything is started */
export async function fork(
  { temporal, rooms, caller, start }: ForkParts,
  old: StoredRun,
  given: ForkRun,
): Promise<ForkEstimate | { id: string; chain?: string }> {
  const asked = checked(ForkRun, given, '');
  const { fromStep, only, dryRun, id: chosen, key } = asked;
  const { input: otherwise, ...overrides } = asked.overrides ?? {};
  assertFork(old, asked);
  const hint = NOT_FORKED[old.pattern];
  if (hint) throw refusal('InvalidRequest', `A ${old.pattern} cannot be forked`, { path: 'id', hint });

  const steps = await rooms.store.runs.steps(old.chain);
  const at = fromStep === undefined ? steps.length : steps.findIndex(({ step }) => step === fromStep);
  if (fromStep !== undefined && at === -1) throw unknownStep(old.id, fromStep, steps);
  if (Object.keys(overrides).length > 0 && steps[at]?.run !== undefined) {
    throw refusal('InvalidRequest', `The step "${fromStep}" is done by the run ${steps[at]!.run}`, {
      path: 'overrides',
      hint: `Fork that run, or fork this one from "${fromStep}" without overrides`,
    });
  }
  if (overrides.policy !== undefined) assertPermittedPolicy(rooms, caller, overrides.policy, 'overrides.policy');
  const model = await firstModel(rooms, overrides.policy);
  const asksAnew = only ? steps.slice(at, at + 1) : steps.slice(at);
  if (dryRun) {
    const { chain, status } = old;
    const { prompt } = overrides;
    return estimateFork(rooms, { chain, steps: asksAnew, model, prompt, isWhole: status === 'completed' });
  }

  const [input, oldOptions] = await argumentsOf(temporal, old);
  const earlier = await overridesOf(temporal, old);
  const options = RunOptions.parse(oldOptions ?? {});
  for (const [step, { policy }] of Object.entries(earlier)) {
    if (policy !== undefined) assertPermittedPolicy(rooms, caller, policy, `overrides of ${step}`);
  }
  const own = ofCaller(caller, { ...options, key: key ?? options.key, id: chosen });
  const newInput = otherwise ? { ...(input as object), ...otherwise } : input;
  // The steps before are told by a memo, which only a workflow has. Names of forks are ones that people may give, too.
  const place = { lane: undefined, isNewId: false };
  const again = { ...(await checkStart(rooms, old.pattern, newInput, own, caller)), ...place };
  const { id } = again;
  const memo: Fork = {
    from: { chain: old.chain },
    run: old.id,
    before: [...new Set(steps.filter((one) => !asksAnew.includes(one)).map(({ step }) => step))],
    overrides: { ...earlier, ...(fromStep && { [fromStep]: { ...earlier[fromStep], ...overrides } }) },
  };
  if (id !== undefined) {
    const chain = await start(again, id, { [FORK_MEMO]: memo });
    if (chain === undefined) await assertForkOf(old.id, temporal, id);
    return { id, chain };
  }
  for (let n = 1; ; n += 1) {
    const next = ownName(`${old.id}-fork-${n}`, caller.tenant);
    const chain = await start(again, next, { [FORK_MEMO]: memo });
    if (chain !== undefined) return { id: next, chain };
  }
}

/** An id given twice is that of the fork that was made. @throws CadenzaError Conflict where it is of no fork of the run */
async function assertForkOf(run: string, temporal: Client, id: string): Promise<void> {
  // A run of the direct lane is no workflow.
  const { memo } = (await orNothing(temporal.workflow.getHandle(id).describe())) ?? {};
  if ((memo?.[FORK_MEMO] as Fork | undefined)?.run === run) return;
  const hint = `Choose another id, or leave it out. What that run came to: cadenza watch ${id}`;
  throw refusal('Conflict', `The id "${id}" is taken by another run`, { path: 'id', hint });
}

/** @throws CadenzaError where parts of it do not go together */
function assertFork(old: StoredRun, { fromStep, only, overrides = {}, dryRun }: ForkRun): void {
  const refused = (message: string, path: string, hint: string) => refusal('InvalidRequest', message, { path, hint });
  const { input, policy, prompt } = overrides;
  if (input && old.pattern !== 'compare') {
    throw refused(`The input of a ${old.pattern} cannot be had otherwise`, 'overrides.input', 'Start a run of its own');
  }
  if (fromStep === undefined && !input) {
    throw refused('It is not said from which step on', 'fromStep', 'The timeline names the steps');
  }
  if (fromStep === undefined && (only || policy !== undefined || prompt !== undefined)) {
    const path = only ? 'only' : policy === undefined ? 'overrides.prompt' : 'overrides.policy';
    throw refused(`${path}: It is not said of which step`, path, 'Give fromStep');
  }
  if (fromStep === undefined && dryRun) {
    const hint = 'It is known beforehand of the steps a run has made: give fromStep';
    throw refused('What judging and merging would cost is not estimated', 'dryRun', hint);
  }
}

/** The model a policy asks first, once all it names are known to be there. */
async function firstModel({ providers }: OpenRooms, ref: PolicyRef | undefined): Promise<ModelRef | undefined> {
  if (ref === undefined) return undefined;
  const path = 'overrides.policy';
  try {
    const { candidates } = providers.resolvePolicy(ref, path);
    const single = typeof ref === 'string';
    const placed = candidates.map((model, n): Placed => [single ? path : fieldPath(path, ['candidates', n]), model]);
    const error = await checkCandidates(providers, placed);
    if (error) throw new CadenzaError('InvalidRequest', error);
    return candidates[0];
  } catch (thrown) {
    throw thrown instanceof ProviderError ? new CadenzaError('InvalidRequest', thrown.error) : thrown;
  }
}

/** What a run was started with: its input and options. @throws CadenzaError once Temporal has forgotten it */
export async function argumentsOf(temporal: Client, { id, chain }: StoredRun): Promise<unknown[]> {
  const inDirectLane = isDirectChain(chain);
  const known = inDirectLane
    ? describeRun(temporal, id, chain).then(({ startedWith }) => startedWith())
    : startArguments(temporal, id, originalRunOf(chain));
  return known.catch((cause: unknown) => {
    if (!(cause instanceof WorkflowNotFoundError) && (cause as { code?: number }).code !== NOT_FOUND) throw cause;
    const message = `Temporal has no history of ${id} any more, so its input is not known`;
    throw refusal('InvalidRequest', message, { path: 'id' });
  });
}

/** A fork of a fork is still asked as the first one was. */
async function overridesOf(temporal: Client, { id, chain }: StoredRun): Promise<NonNullable<Fork['overrides']>> {
  if (isDirectChain(chain)) return {};
  // A run of the direct lane is no workflow.
  const { memo } = (await orNothing(temporal.workflow.getHandle(id).describe())) ?? {};
  return (memo?.[FORK_MEMO] as Fork | undefined)?.overrides ?? {};
}

/** gRPC */
const NOT_FOUND = 5;

function unknownStep(id: string, fromStep: string, steps: { step: string }[]): CadenzaError {
  const names = [...new Set(steps.map(({ step }) => step))];
  const shown = names.slice(0, 30).join(', ');
  const known = names.length === 0 ? 'It has begun none' : `It has: ${shown}${names.length > 30 ? ', …' : ''}`;
  return refusal('InvalidRequest', `The run ${id} has no step "${fromStep}". ${known}`, { path: 'fromStep' });
}
