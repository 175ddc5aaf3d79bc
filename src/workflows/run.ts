import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import {
  type Booked,
  type CachedAnswer,
  type CadenzaActivities,
  type CallError,
  chainOfStep,
  invalidRequest,
  isAlias,
  isPattern,
  type Policy,
  type PolicyRef,
  promptHash,
  type RecordedEvent,
  RunOptions,
  type RunRef,
  shortened,
} from '../contract/index.ts';
import { failure } from './failures.ts';
import { host, perRun } from './host.ts';
import { chainOf, PART_OF, type PartOf, SO_FAR, type SoFar, soFarOf, WAITS, type Waits } from './memos.ts';

const PATTERN = defineSearchAttributeKey('CadenzaPattern', SearchAttributeType.KEYWORD);
const TENANT = defineSearchAttributeKey('CadenzaTenant', SearchAttributeType.KEYWORD);

/** Bookkeeping runs inside the workflow task: it costs no hop through the server. @param summary for the Temporal UI */
const bookkeeping = (summary: string) =>
  host().proxyLocalActivities<Pick<CadenzaActivities, 'resolvePolicy' | 'recordEvents' | 'patternsQueue' | 'wasReset'>>(
    {
      startToCloseTimeout: '1 minute',
      retry: { initialInterval: '100 ms', maximumInterval: '10 s', nonRetryableErrorTypes: ['InvalidRequest'] },
      summary,
    },
  );

/** What one workflow execution knows of itself as a run. */
interface Run {
  ref: RunRef;
  /** how often each name was drawn */
  steps: Map<string, number>;
  /** the same, of the histories before this one */
  before: ReadonlyMap<string, number>;
  /** where the steps of this history stand, and how often each question was asked */
  places: Map<string, string>;
  asked: Map<string, number>;
  policies: Map<string, Promise<Policy>>;
  models: Set<string>;
  spentUsd: number;
  log: string[];
  deadlines: Map<string, number>;
  /** how steps ended that have no result */
  failed: Map<string, CallError>;
  /** a person has reset this workflow; asked for once */
  wasReset?: Promise<boolean>;
  /** another workflow is the run, and ends it */
  isPart?: boolean;
}

interface State {
  options: RunOptions;
  /** of the workflow: what it is to ask */
  input?: unknown;
  /** What is wrong with the options: the run fails with it. */
  wrongOptions?: CallError;
  run?: Run;
}

const state = perRun((): State => ({ options: {} }));

/**
 * Called before the workflow's own code, with its arguments: the second one holds the run's options. A workflow of a
 * user's may mean something else by it: it is options where it reads as such, or names a tenant, a budget or a webhook.
 */
export function readOptions([input, given = {}]: unknown[]): void {
  state().input = input;
  const parsed = RunOptions.safeParse(given);
  if (parsed.success) {
    state().options = parsed.data;
  } else if (
    isPattern(host().workflowInfo().workflowType) ||
    OPTION_NAMES.some((name) => Object.hasOwn(Object(given), name))
  ) {
    Object.assign(state(), { wrongOptions: invalidRequest(parsed.error, 'options'), options: readable(given) });
  }
}

const OPTION_NAMES = ['tenant', 'budgetUsd', 'webhook'];

/** The options that can be read: a run that fails for the others is still its tenant's. */
function readable(given: unknown): RunOptions {
  const fields = Object.entries(RunOptions.shape).flatMap(([name, schema]) => {
    const parsed = schema.safeParse((given as Record<string, unknown> | null)?.[name]);
    return parsed.success && parsed.data !== undefined ? [[name, parsed.data]] : [];
  });
  return Object.fromEntries(fields);
}

export function runOptions(): RunOptions {
  return state().options;
}

/** True once a step of the library was used: other workflows of a user's worker are left alone. */
export function isRun(): boolean {
  const { run } = state();
  return run !== undefined && !run.isPart;
}

/** True in a part of a run that another workflow is. */
export function isPart(): boolean {
  return state().run?.isPart === true;
}

/** Makes this workflow a part of a run that another one is: its calls and their events are that run's. */
export function joinRun(ref: RunRef): void {
  const { tenant, key, metadata, budgetUsd, cacheScope, priority } = ref;
  Object.assign(state(), {
    options: { tenant, key, metadata, budgetUsd, cacheScope, priority },
    run: { ...emptyRun(ref), isPart: true },
  } satisfies State);
}

/** The run this code is part of; it begins with the first step. @throws InvalidRequest there, for wrong options */
export function currentRun(): Run {
  const mine = state();
  if (mine.run) return mine.run;
  mine.run = beginRun(mine.options, mine.input);
  if (mine.wrongOptions) throw failure(mine.wrongOptions);
  return mine.run;
}

function beginRun(options: RunOptions, input: unknown): Run {
  const info = host().workflowInfo();
  const { steps = {}, models = [], spentUsd = 0 } = soFarOf(info);
  const partOf = info.memo?.[PART_OF] as PartOf | undefined;
  // Of use at the run's end only, and every call carries the rest.
  const { webhook: _, ...kept } = options;
  host().upsertSearchAttributes([
    { key: PATTERN, value: info.workflowType },
    ...(options.tenant === undefined ? [] : [{ key: TENANT, value: options.tenant }]),
  ]);
  const ref: RunRef = {
    ...kept,
    id: info.workflowId,
    chain: chainOf(info),
    pattern: info.workflowType,
    startedAt: info.startTime.toISOString(),
    promptHash: promptHash(info.workflowType, input),
    ...(partOf && { above: partOf.above }),
  };
  const before = new Map(Object.entries(steps));
  return { ...emptyRun(ref), steps: new Map(before), before, models: new Set(models), spentUsd };
}

function emptyRun(ref: RunRef): Run {
  return {
    ref,
    steps: new Map(),
    before: new Map(),
    places: new Map(),
    asked: new Map(),
    policies: new Map(),
    models: new Set(),
    spentUsd: 0,
    log: [],
    deadlines: new Map(),
    failed: new Map(),
  };
}

/** What a run takes with it into a new history, besides the memo it has: steps are numbered on, sums summed on. */
export function memoSoFar(): Record<string, unknown> {
  const { ref, steps, models, spentUsd } = currentRun();
  const { memo, runId } = host().workflowInfo();
  const soFar: SoFar = {
    run: runId,
    chain: ref.chain,
    steps: Object.fromEntries(steps),
    models: [...models],
    spentUsd,
  };
  return { ...memo, [SO_FAR]: soFar };
}

/** The memo of a run that does a step of this one: started again after a reset, it has what it paid for already.
 *  @param path its id after this run's */
export function memoOfStep(path: string): Record<string, unknown> {
  const { chain, above = [] } = currentRun().ref;
  const partOf: PartOf = { chain: chainOfStep(chain, path), above: [...above, chain] };
  return { [PART_OF]: partOf };
}

/** The memo of a workflow that goes on with this run of the direct lane. */
export function memoToGoOn(until: number): Record<string, unknown> {
  const { ref, deadlines, failed } = currentRun();
  const partOf: Partial<PartOf> = { chain: ref.chain };
  const waits: Waits = {
    until,
    deadlines: Object.fromEntries(deadlines),
    failed: { ...waitsOf().failed, ...Object.fromEntries(failed) },
  };
  return { [PART_OF]: partOf, [WAITS]: waits };
}

/** What is known of a run of the direct lane by whoever goes on with it. */
export function waitsOf(): Partial<Waits> {
  return (host().workflowInfo().memo?.[WAITS] ?? {}) as Partial<Waits>;
}

/** Keeps when the patience of a step ends. */
export function keepDeadline(step: string, deadline: number): void {
  currentRun().deadlines.set(step, deadline);
}

/** Keeps that a step has no result: whoever goes on with a run of the direct lane takes that as it takes answers. */
export function keepFailure(step: string, error: CallError): void {
  currentRun().failed.set(step, error);
}

/** True where a person has reset this workflow: then what failed is asked again. It is asked for where history keeps the
 *  answer, as what is replayed of the run before has to stay what it was. */
export function wasReset(): Promise<boolean> {
  const run = currentRun();
  run.wasReset ??= bookkeeping('reset by a person?').wasReset(host().workflowInfo().firstExecutionRunId);
  return run.wasReset;
}

/** The policy a name stands for. Only names and aliases are looked up, once each a run: full policies cost nothing. */
export function policyOf(ref: PolicyRef | undefined): Promise<Policy> {
  if (typeof ref === 'string' && !isAlias(ref)) return Promise.resolve({ candidates: [ref] });
  if (typeof ref === 'object' && !ref.candidates.some(isAlias)) return Promise.resolve(ref);
  const { policies } = currentRun();
  const key = JSON.stringify(ref ?? null);
  const found = policies.get(key) ?? bookkeeping(typeof ref === 'string' ? ref : 'default').resolvePolicy(ref);
  policies.set(key, found);
  return found;
}

/** The task queue patterns run on: that of a pattern itself; a user's worker need not know them, and is told where. */
export async function patternsQueue(): Promise<string> {
  return isPattern(currentRun().ref.pattern)
    ? host().workflowInfo().taskQueue
    : bookkeeping('where patterns run').patternsQueue();
}

/** Writes events of the run's own, each once however often this code is replayed or retried.
 *  @param evict an answer that the cache is to give nobody any more @returns where they end the run, its cost */
export async function record(events: RecordedEvent[], evict?: CachedAnswer): Promise<Booked | undefined> {
  const summary = events.map(({ type, step }) => (step === undefined ? type : `${type} · ${step}`)).join(', ');
  const evicted = evict === undefined ? ([] as const) : ([evict] as const);
  return bookkeeping(shortened(summary, 200)).recordEvents(currentRun().ref, events, ...evicted);
}

/** Keeps the Temporal UI's live details true. */
export function note(line: string): void {
  const { log, spentUsd, models } = currentRun();
  log.push(line);
  const shown = log.slice(-30);
  const earlier = log.length - shown.length;
  const head = `**${host().workflowInfo().workflowType}** · $${spentUsd.toFixed(6)} so far · ${[...models].join(', ') || 'no model yet'}`;
  host().setCurrentDetails(
    [head, '', ...(earlier > 0 ? [`- … ${earlier} earlier`] : []), ...shown.map((text) => `- ${text}`)].join('\n'),
  );
}
