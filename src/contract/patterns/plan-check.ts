import { suggestion } from '../nearest-names.ts';
import type { ToolUse } from '../tools.ts';

/** What a step of a plan is to the graph. */
interface Node {
  id: string;
  tools?: string[];
  needs?: string[];
}

export interface PlanProblem {
  path: PropertyKey[];
  message: string;
}

export interface PlanSurroundings {
  /** names of the tools there are, or how they begin: `github__*` */
  tools: string[];
  /** ids of steps that are done: they may be needed */
  done?: string[];
}

/** Steps of the pattern's own, which no step of a plan may be confused with. */
const RESERVED = ['plan', 'replan', 'approve', 'final'];

/** Everything that would only go wrong once a plan is carried out: ids twice or unknown, tools that are not there, circles. */
export function planProblems(steps: Node[], { tools, done = [] }: PlanSurroundings): PlanProblem[] {
  const ids = steps.map(({ id }) => id);
  const known = [...done, ...ids];
  const problems = steps.flatMap(({ id, tools: used = [], needs = [] }, index): PlanProblem[] => [
    ...(RESERVED.includes(id) ? [{ path: [index, 'id'], message: `No step can be called "${id}"` }] : []),
    ...(known.indexOf(id) < done.length + index
      ? [{ path: [index, 'id'], message: `Two steps are called "${id}": give one another id` }]
      : []),
    ...used.flatMap((tool, at) =>
      tools.some((pattern) => fits(pattern, tool))
        ? []
        : [
            {
              path: [index, 'tools', at],
              message: `"${id}" uses the tool "${tool}", which is not there.${suggestion(tool, tools)}`,
            },
          ],
    ),
    ...needs.flatMap((need, at) =>
      known.includes(need)
        ? []
        : [
            {
              path: [index, 'needs', at],
              message: `"${id}" needs "${need}", and there is no such step.${suggestion(need, known)}`,
            },
          ],
    ),
  ]);
  if (problems.length > 0) return problems;
  const circle = circleIn(steps);
  if (circle === undefined) return [];
  const path = [ids.indexOf(circle[0]!), 'needs'];
  return [{ path, message: `The plan goes in a circle: ${circle.map((id) => `"${id}"`).join(' needs ')}` }];
}

/** The steps so that each comes after those it needs. @param steps without a circle */
export function inOrder<Step extends Node>(steps: Step[]): Step[] {
  const ids = new Set(steps.map(({ id }) => id));
  const ordered: Step[] = [];
  const placed = new Set<string>();
  while (ordered.length < steps.length) {
    const next = steps.filter(
      ({ id, needs = [] }) => !placed.has(id) && needs.every((one) => !ids.has(one) || placed.has(one)),
    );
    for (const step of next) placed.add(step.id);
    ordered.push(...next);
  }
  return ordered;
}

/** The ids of a circle, the first again at its end. */
function circleIn(steps: Node[]): string[] | undefined {
  const needs = new Map(steps.map((step) => [step.id, step.needs ?? []]));
  const safe = new Set<string>();
  const walk = (id: string, way: string[]): string[] | undefined => {
    if (way.includes(id)) return [...way.slice(way.indexOf(id)), id];
    if (safe.has(id)) return undefined;
    for (const need of needs.get(id) ?? []) {
      const circle = walk(need, [...way, id]);
      if (circle) return circle;
    }
    safe.add(id);
    return undefined;
  };
  for (const id of needs.keys()) {
    const circle = walk(id, []);
    if (circle) return circle;
  }
  return undefined;
}

/** The uses by which a step has these tools, with the rules its plan's input gave them. @param names left out: all of them */
export function usesFor(uses: ToolUse[], names: string[] | undefined): ToolUse[] {
  if (names === undefined) return uses;
  return [...new Set(names)].flatMap((name): ToolUse[] => {
    const use = uses.find((one) => fits(nameOf(one), name));
    return use === undefined ? [] : [typeof use === 'string' ? name : { ...use, name }];
  });
}

export function nameOf(use: ToolUse): string {
  return typeof use === 'string' ? use : use.name;
}

function fits(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}
