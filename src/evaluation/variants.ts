import { createHash } from 'node:crypto';
import { refusal } from '../client/errors.ts';
import {
  canonicalJson,
  type DataRow,
  type EvaluationDefinition,
  fieldPath,
  gatherFields,
  inputOfRow,
  type MapDefinition,
  mapProblems,
  PATTERNS,
  promptHash,
  textOfResult,
  withoutUndefined,
} from '../contract/index.ts';

/** One way of asking, whole. */
export interface Variant {
  name: string;
  pattern: string;
  input?: unknown;
  policy?: MapDefinition['policy'];
  promptHash: string;
}

/** What an evaluation without variants calls its one. */
const ONLY_VARIANT = 'default';

/** The variants of an evaluation, checked against its rows. @throws CadenzaError naming the field that is wrong */
export function variantsOf(definition: EvaluationDefinition, items: unknown[]): Variant[] {
  const { pattern = 'ask', input, policy, variants = { [ONLY_VARIANT]: {} } } = definition;
  const fields = items.reduce<string[] | undefined>(gatherFields, []);
  return Object.entries(variants).map(([name, own]) => {
    const asked = withoutUndefined({
      pattern: own.pattern ?? pattern,
      input: laidOver(input, own.input),
      policy: own.policy ?? policy,
    });
    const root = definition.variants ? `variants.${name}` : '';
    const [problem] = mapProblems({ ...asked, items }, PATTERNS, fields);
    if (problem) {
      const path = fieldPath(root, problem.path);
      throw refusal('InvalidRequest', `${path}: ${problem.message}`, { path });
    }
    return { ...asked, name, promptHash: promptHash('map', asked)! };
  });
}

/** Fields of a variant's input replace those of the evaluation's. */
function laidOver(base: unknown, own: unknown): unknown {
  if (own === undefined) return base;
  return isObject(base) && isObject(own) ? { ...base, ...own } : own;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a row is asked, in words: for judges, and for people who read the result. */
export function questionOf(variant: Variant, data: DataRow): string {
  const filled = inputOfRow(variant, PATTERNS, data);
  if ('error' in filled) return textOfResult(data.item);
  const { prompt, messages, task, question, goal } = filled.input as Record<string, unknown>;
  return textOfResult({ text: prompt ?? task ?? question ?? goal ?? messages ?? data.item });
}

/** Names of runs: by what they do, so that the same evaluation has the same runs. */
export interface RunNames {
  /** @param of whatever the run depends on */
  name(kind: string, of: unknown): string;
  /** see `RunOptions.cacheScope`; undefined: answers are shared with everybody */
  scope(repeat: number): string | undefined;
}

/** @param token of an evaluation that asks everything anew */
export function runNames(evaluation: string, token: string | undefined): RunNames {
  const fresh = token === undefined ? '' : `-${token}`;
  return {
    name: (kind, of) => `eval-${slug(evaluation)}-${slug(kind)}-${hashOfJson(of).slice(0, 10)}${fresh}`,
    scope(repeat) {
      const parts = [...(token === undefined ? [] : [token]), ...(repeat === 1 ? [] : [`repeat-${repeat}`])];
      return parts.length === 0 ? undefined : ['eval', ...parts].join(':');
    },
  };
}

function slug(name: string): string {
  return name.toLowerCase().replaceAll(/[^\w.-]+/g, '-');
}

/** SHA-256 of a value's JSON, whatever the order of its fields: 64 hexadecimal digits. */
export function hashOfJson(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

/** By which the same row is found in another evaluation; equal rows are told apart by their order. */
export function rowKeys(items: unknown[]): string[] {
  const seen = new Map<string, number>();
  return items.map((item) => {
    const hash = hashOfJson(item).slice(0, 16);
    const nth = (seen.get(hash) ?? 0) + 1;
    seen.set(hash, nth);
    return nth === 1 ? hash : `${hash}-${nth}`;
  });
}
