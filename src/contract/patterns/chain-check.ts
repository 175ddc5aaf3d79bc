import { z } from 'zod';
import { deepestIssue } from '../errors.ts';
import { suggestion } from '../nearest-names.ts';
import { ChainDefinition, type ChainStep, idsIn, MOST_CALLS } from './chain-definition.ts';
import { type ChainProblem, formProblem, kindOf, titleOf } from './chain-form.ts';
import { type Known, listOf, templateProblems } from './chain-references.ts';
import { answerShape, itemsOf, listShape, type Shape, shapeOfValue, subRunShape, UNKNOWN } from './chain-shape.ts';
import { splitSubRunInput } from './fill-in-input.ts';
import { fillIn, hasTemplate, textsIn, valueAt } from './template.ts';

/** The patterns a step may run, by name. */
export type ChainPatterns = Readonly<Record<string, { input: z.ZodType; result: z.ZodType }>>;

/** What the whole check needs to know of a chain. */
interface Chain {
  patterns: ChainPatterns;
  /** what each step gives, by its id */
  shapes: ReadonlyMap<string, Shape>;
}

/**
 * Everything that would only go wrong once the chain runs: ids twice, references to steps that are not there yet or to
 * fields that do not exist, templates that cannot be read, sub-runs with wrong input.
 * @param input what is known of the chain's input; its own, unless a chain above fills it in
 */
export function chainProblems(
  definition: ChainDefinition,
  patterns: ChainPatterns,
  input = definition.input === undefined ? undefined : shapeOfValue(definition.input),
): ChainProblem[] {
  const steps = [...allSteps(definition.steps, ['steps'])];
  const forms = steps.map(([step, path]) => formProblem(step, path)).filter((problem) => problem !== undefined);
  if (forms.length > 0) return forms;
  const doubles = doubleIds(steps);
  if (doubles.length > 0) return doubles;

  const ids = new Set(steps.map(([step]) => step.id).filter((id) => id !== undefined));
  const groups = new Set(steps.filter(([step]) => step.parallel ?? step.steps).map(([step]) => step.id));
  const reasonAgainst = (id: string) => {
    if (groups.has(id)) return `"${id}" is a group: refer to a step in it`;
    return ids.has(id) ? `"${id}" runs only after it` : `there is no step "${id}".${suggestion(id, ids)}`;
  };
  const chain: Chain = {
    patterns,
    shapes: shapesOf(
      steps.map(([step]) => step),
      patterns,
    ),
  };
  const start: Known = { input, steps: new Map(), reasonAgainst };
  return [
    ...sizeProblems(definition),
    ...sequenceProblems(definition.steps, ['steps'], start, chain),
    ...templateProblems(definition.output, ['output'], 'The output', withSteps(start, definition.steps, chain)),
  ];
}

/** More calls than one history can hold, as far as that is known before the chain runs. */
function sizeProblems({ steps, input }: ChainDefinition): ChainProblem[] {
  const calls = callsOf(steps, input);
  if (calls <= MOST_CALLS) return [];
  const message =
    `The chain may make ${calls} calls (items times rounds); it makes ${MOST_CALLS} at most. Lower repeat.max, use the ` +
    'pattern map, or let forEach run a chain for each item (pattern: "chain")';
  return [{ path: ['steps'], message }];
}

function callsOf(steps: ChainStep[], input: unknown): number {
  return steps.reduce((sum, { repeat, forEach, parallel, steps: members }) => {
    const inside = parallel ?? members;
    const items = forEach === undefined ? undefined : fillIn(forEach, ({ path }) => valueAt({ input }, path));
    const once = inside ? callsOf(inside, input) : Array.isArray(items) ? items.length : 1;
    return sum + once * (repeat?.max ?? 1);
  }, 0);
}

function* allSteps(steps: ChainStep[], path: PropertyKey[]): Generator<[step: ChainStep, path: PropertyKey[]]> {
  for (const [index, step] of steps.entries()) {
    const at = [...path, index];
    yield [step, at];
    yield* allSteps(step.parallel ?? [], [...at, 'parallel']);
    yield* allSteps(step.steps ?? [], [...at, 'steps']);
  }
}

function doubleIds(steps: [ChainStep, PropertyKey[]][]): ChainProblem[] {
  const seen = new Set<string>();
  return steps.flatMap(([{ id }, path]) => {
    if (id === undefined) return [];
    if (seen.has(id)) return [{ path: [...path, 'id'], message: `Two steps are called "${id}": give one another id` }];
    seen.add(id);
    return [];
  });
}

function sequenceProblems(steps: ChainStep[], path: PropertyKey[], start: Known, chain: Chain): ChainProblem[] {
  let known = start;
  return steps.flatMap((step, index) => {
    const problems = stepProblems(step, [...path, index], known, chain);
    known = withSteps(known, [step], chain);
    return problems;
  });
}

function stepProblems(step: ChainStep, path: PropertyKey[], known: Known, chain: Chain): ChainProblem[] {
  const title = titleOf(step);
  const list = step.forEach === undefined ? undefined : listOf(step.forEach, known);
  const itself = `it refers to itself${step.repeat ? '. The round before is {{previous.text}}' : ''}`;
  const inside: Known = {
    ...known,
    ...(list === undefined ? {} : { item: 'shape' in list ? itemsOf(list.shape) : UNKNOWN }),
    ...(step.repeat === undefined ? {} : { previous: roundShape(step, chain) }),
    reasonAgainst: (id) => (id === step.id ? itself : known.reasonAgainst(id)),
  };
  const texts = (field: 'prompt' | 'system') => templateProblems(step[field], [...path, field], title, inside);
  return [
    ...templateProblems(step.when, [...path, 'when'], title, known),
    ...(list && 'problem' in list ? [{ path: [...path, 'forEach'], message: `${title}: ${list.problem}` }] : []),
    ...texts('system'),
    ...texts('prompt'),
    ...(step.pattern === undefined ? [] : subRunProblems(step, path, inside, chain.patterns)),
    ...sequenceProblems(step.steps ?? [], [...path, 'steps'], inside, chain),
    ...(step.parallel ?? []).flatMap((member, index) =>
      stepProblems(member, [...path, 'parallel', index], atOnce(inside, step), chain),
    ),
    ...templateProblems(step.repeat?.until, [...path, 'repeat', 'until'], title, withSteps(inside, [step], chain)),
  ];
}

function atOnce(known: Known, group: ChainStep): Known {
  const ids = new Set(idsIn(group));
  const reasonAgainst = (id: string) => (ids.has(id) ? `"${id}" runs at the same time` : known.reasonAgainst(id));
  return { ...known, reasonAgainst };
}

/** What is known after steps have run. */
function withSteps(known: Known, steps: ChainStep[], { shapes }: Chain): Known {
  const given = steps.flatMap(idsIn).map((id) => [id, shapes.get(id)!] as const);
  return { ...known, steps: new Map([...known.steps, ...given]) };
}

/** What `{{previous}}` is: of one step its answer, of a group the answers by their ids. */
function roundShape(step: ChainStep, { shapes }: Chain): Shape {
  if (!step.parallel && !step.steps) return shapes.get(step.id!)!;
  return { type: 'object', properties: Object.fromEntries(idsIn(step).map((id) => [id, shapes.get(id)!])) };
}

function shapesOf(steps: ChainStep[], patterns: ChainPatterns): Map<string, Shape> {
  const asking = steps.filter((step) => kindOf(step) === 'prompt' || kindOf(step) === 'pattern');
  const used = new Set(asking.flatMap(({ pattern }) => pattern ?? []));
  const results = new Map([...used].map((pattern) => [pattern, resultShape(pattern, patterns)]));
  return new Map(
    asking.map((step) => {
      const one = step.pattern === undefined ? answerShape(step.schema) : subRunShape(results.get(step.pattern)!);
      return [step.id!, step.forEach === undefined ? one : listShape(one)];
    }),
  );
}

function resultShape(pattern: string, patterns: ChainPatterns): Shape {
  if (!Object.hasOwn(patterns, pattern)) return UNKNOWN;
  return z.toJSONSchema(patterns[pattern]!.result, { unrepresentable: 'any' }) as Shape;
}

function subRunProblems(step: ChainStep, path: PropertyKey[], known: Known, patterns: ChainPatterns): ChainProblem[] {
  const { pattern } = step as { pattern: string };
  const title = titleOf(step);
  if (!Object.hasOwn(patterns, pattern)) {
    const message = `${title} runs the pattern "${pattern}", which does not exist.${suggestion(pattern, Object.keys(patterns))}`;
    return [{ path: [...path, 'pattern'], message }];
  }
  const at = [...path, 'input'];
  const { filled } = splitSubRunInput(pattern, step.input);
  const inside =
    pattern === 'chain'
      ? subChainProblems(step.input, patterns)
      : inputProblems(patterns[pattern]!.input, step.input, filled);
  return [
    ...templateProblems(filled, at, title, known),
    ...inside.map((problem) => ({
      path: [...at, ...problem.path],
      message: `${title}, input of its ${pattern}: ${problem.message}`,
    })),
  ];
}

function subChainProblems(input: unknown, patterns: ChainPatterns): ChainProblem[] {
  const parsed = ChainDefinition.safeParse(input);
  if (!parsed.success) return parsed.error.issues.map(deepestIssue);
  const given = parsed.data.input;
  return chainProblems(parsed.data, patterns, given === undefined ? undefined : shapeOfValue(given, true));
}

/** What can be said before the templates are filled in, while a name stands for each: everything but of the fields that hold
 *  them. */
export function inputProblems(schema: z.ZodType, input: unknown, filled: unknown): ChainProblem[] {
  const open = [...textsIn(filled)].filter(([, text]) => hasTemplate(text)).map(([path]) => path);
  const named = fillIn(filled, ({ text }) => text);
  const parsed = schema.safeParse(isObject(input) ? { ...input, ...(named as object) } : named);
  if (parsed.success) return [];
  return parsed.error.issues
    .filter((issue) => issue.code === 'unrecognized_keys' || !open.some((path) => leadsThrough(path, issue.path)))
    .map(deepestIssue);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function leadsThrough(path: PropertyKey[], place: PropertyKey[]): boolean {
  return place.every((key, index) => key === path[index]);
}
