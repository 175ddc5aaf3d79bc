import { conditionProblem } from './chain-condition.ts';
import type { ChainStep } from './chain-definition.ts';

export interface ChainProblem {
  path: PropertyKey[];
  message: string;
}

const KINDS = ['prompt', 'pattern', 'parallel', 'steps'] as const;
export type StepKind = (typeof KINDS)[number];

/** Which fields go with which others; what is not listed goes with all. */
const NEEDS: [field: keyof ChainStep, ...one: (keyof ChainStep)[]][] = [
  ['system', 'prompt'],
  ['policy', 'prompt'],
  ['schema', 'prompt'],
  ['input', 'pattern'],
  ['forEach', 'prompt', 'pattern'],
  ['concurrency', 'forEach', 'parallel'],
];

/** What a step does. @throws never for a step without form problems */
export function kindOf(step: ChainStep): StepKind {
  return KINDS.find((kind) => step[kind] !== undefined)!;
}

/** How messages call a step. */
export function titleOf(step: ChainStep): string {
  return step.id === undefined ? 'A group' : `Step "${step.id}"`;
}

/** What is wrong with a step's fields, before its references are looked at. */
export function formProblem(step: ChainStep, path: PropertyKey[]): ChainProblem | undefined {
  const title = titleOf(step);
  const kinds = KINDS.filter((kind) => step[kind] !== undefined);
  if (kinds.length !== 1) {
    const has = kinds.length === 0 ? 'has none' : `has ${kinds.join(' and ')}`;
    return { path, message: `${title} does one of prompt, pattern, parallel or steps; it ${has}` };
  }
  if (step.id === undefined && (step.prompt !== undefined || step.pattern !== undefined)) {
    return { path: [...path, 'id'], message: 'A step that asks or runs something needs an id' };
  }
  for (const [field, ...needed] of NEEDS) {
    if (step[field] === undefined || needed.some((other) => step[other] !== undefined)) continue;
    return { path: [...path, field], message: `${title}: ${field} only goes with ${needed.join(' or ')}` };
  }
  if (step.forEach !== undefined && step.repeat !== undefined) {
    const message = `${title} has forEach and repeat. Let forEach run a chain for each item (pattern: "chain"), and repeat in there`;
    return { path: [...path, 'repeat'], message };
  }
  const conditions = [
    step.when && conditionProblem(step.when, [...path, 'when']),
    step.repeat?.until && conditionProblem(step.repeat.until, [...path, 'repeat', 'until']),
  ];
  const wrong = conditions.find((problem) => problem !== undefined);
  return wrong && { path: wrong.path, message: `${title}: ${wrong.message}` };
}
