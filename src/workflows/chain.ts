import {
  type CallError,
  type ChainDefinition,
  type ChainResult,
  type ChainStep,
  type ChainStepResult,
  fillIn,
  fillInInput,
  fillInText,
  idsIn,
  MOST_CALLS,
  PATTERNS,
  type PolicyRef,
  type RunOptions,
  splitSubRunInput,
} from '../contract/index.ts';
import { answerOf } from './answer-of.ts';
import { decideLoop, decideSkip } from './chain/decisions.ts';
import { holds } from './chain/holds.ts';
import { itemsFor, lookUpIn, type Scope } from './chain/scope.ts';
import { subRun } from './chain/sub-run.ts';
import { concurrently } from './concurrently.ts';
import { failure } from './failures.ts';
import { inputOf } from './input.ts';
import { generate } from './steps/generate.ts';

/** Items of `forEach` that are worked on at once, where a step does not say. */
const DEFAULT_CONCURRENCY = 4;

/** Where a step stands: what its templates are filled in from, and what goes for the whole chain. */
interface Place extends Scope {
  /** of steps that name none */
  policy: PolicyRef | undefined;
  /** calls and sub-runs so far */
  count: { calls: number };
  /** how often the step may be done, by the loops it stands in */
  times: number;
}

/**
 * Do steps one after the other, each using what earlier ones gave.
 *
 *   input --> outline --> for each section: write --> (when long) shorten --> output
 *                             repeat until good        parallel, sub-runs
 *
 * Only a `parallel` group and the items of `forEach` run at once. A step that fails ends the chain.
 */
export async function chain(input: ChainDefinition, _options?: RunOptions): Promise<ChainResult> {
  const definition = inputOf(PATTERNS.chain.input, input);
  const { steps, policy, output } = definition;
  const place: Place = { input: definition.input, results: new Map(), policy, count: { calls: 0 }, times: 1 };

  const last = await inOrder(steps, place);
  const results = steps.flatMap(idsIn).flatMap((id): [string, ChainStepResult][] => {
    const result = place.results.get(id);
    return result === undefined ? [] : [[id, result]];
  });
  return {
    steps: Object.fromEntries(results),
    output: output === undefined ? (last ?? null) : fillIn(output, lookUpIn(place)),
  };
}

/** @returns what the last step gave that was not skipped */
async function inOrder(steps: ChainStep[], place: Place): Promise<unknown> {
  let last: unknown;
  for (const step of steps) {
    const given = await perform(step, place);
    if (given !== undefined) last = given;
  }
  return last;
}

/** @returns what the step gave; undefined if it was skipped */
async function perform(step: ChainStep, place: Place): Promise<unknown> {
  if (step.when && !holds(step.when, place)) {
    await decideSkip(step, step.when);
    return undefined;
  }
  return step.repeat ? inRounds(step, step.repeat, place) : once(step, place);
}

async function inRounds(step: ChainStep, repeat: NonNullable<ChainStep['repeat']>, place: Place): Promise<unknown> {
  const ids = idsIn(step);
  for (let round = 1; ; round += 1) {
    const before = ids.map((id) => [id, place.results.get(id)] as const);
    const previous = round === 1 ? undefined : step.id === ids[0] ? before[0]![1] : Object.fromEntries(before);
    for (const id of ids) place.results.delete(id);

    const inside = { ...place, round, previous, times: place.times * repeat.max };
    const given = await once(step, inside);
    const accepted = repeat.until !== undefined && holds(repeat.until, inside);
    if (!accepted && round < repeat.max) continue;

    await decideLoop(step, repeat, round, accepted);
    const result = step.prompt === undefined ? undefined : place.results.get(step.id!);
    if (result) place.results.set(step.id!, { ...result, rounds: round } as ChainStepResult);
    return given;
  }
}

async function once(step: ChainStep, place: Place): Promise<unknown> {
  if (step.steps) return inOrder(step.steps, place);
  if (step.parallel) {
    const members = step.parallel;
    const given = await concurrently(members, step.concurrency ?? members.length, (member) => perform(member, place));
    return Object.fromEntries(given.map((each, index) => [members[index]!.id ?? index, each]));
  }
  const result = step.forEach === undefined ? await answer(step, step.id!, place) : await forEach(step, place);
  place.results.set(step.id!, result);
  return outputOf(result);
}

async function forEach(step: ChainStep, place: Place): Promise<ChainStepResult> {
  const found = itemsFor(step, place);
  const most = place.count.calls + found.length * place.times;
  if (most > MOST_CALLS) throw failure(tooManyCalls(step.id!, `goes over ${found.length} items`, most));
  const items = await concurrently(found, step.concurrency ?? DEFAULT_CONCURRENCY, (item, index) =>
    answer(step, `${step.id}[${index}]`, { ...place, item, index }),
  );
  return { items, text: items.map(({ text }) => text).join('\n\n') };
}

function tooManyCalls(step: string, does: string, most: number): CallError {
  return {
    type: 'InvalidRequest',
    message: `Step "${step}" ${does}, and the chain may then make ${most} calls; it makes ${MOST_CALLS} at most`,
    hint: 'Use the pattern map, or let forEach run a chain for each item (pattern: "chain")',
    step,
  };
}

async function answer(step: ChainStep, name: string, place: Place): Promise<ChainStepResult> {
  place.count.calls += 1;
  if (place.count.calls > MOST_CALLS) throw failure(tooManyCalls(step.id!, 'is done once more', place.count.calls));
  if (step.pattern !== undefined) {
    const { filled, kept } = splitSubRunInput(step.pattern, step.input);
    const input = fillInInput(step.pattern, filled, lookUpIn(place));
    return subRun({ step: name, pattern: step.pattern, input: { ...(input as object), ...kept } });
  }
  const prompt = fillInText(step.prompt!, lookUpIn(place));
  if (prompt.trim() === '') {
    const message = `The prompt of step "${name}" is empty: what it refers to gave nothing. Give the step a when`;
    throw failure({ type: 'InvalidRequest', message, step: name });
  }
  const system = step.system === undefined ? undefined : fillInText(step.system, lookUpIn(place));
  const { policy = place.policy, schema } = step;
  return answerOf(await generate({ step: name, prompt, system, policy, schema }));
}

/** What a step gave, where nothing says what of it is wanted. */
function outputOf(result: ChainStepResult): unknown {
  if ('items' in result) return result.items.map((item) => outputOf(item as ChainStepResult));
  if ('result' in result) return result.result;
  return result.object ?? result.text;
}
