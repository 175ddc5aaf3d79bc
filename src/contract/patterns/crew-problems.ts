import { fieldPath } from '../errors.ts';
import { suggestion } from '../nearest-names.ts';
import { type CrewDefinition, type CrewTask, type Member, membersOf } from './crew-definition.ts';
import { CREW_WORDS, placeholdersOf } from './crew-plan.ts';

interface Problem {
  path: PropertyKey[];
  message: string;
}

const NAMES = {
  agents: {
    pattern: /^[A-Za-z][\w -]{0,39}$/,
    rule: 'An agent is named with letters, digits, spaces, _ and -, at most 40 of them',
  },
  tasks: {
    pattern: /^[A-Za-z_][\w-]{0,59}$/,
    rule: 'A task is named with letters, digits, _ and -, at most 60 of them',
  },
};

/** What is wrong with a crew that is well formed: found before anything starts. */
export function crewProblems(definition: CrewDefinition): Problem[] {
  const tasks = membersOf('tasks', definition.tasks);
  return [
    ...namingProblems('agents', membersOf('agents', definition.agents)),
    ...namingProblems('tasks', tasks),
    ...agentProblems(definition, tasks),
    ...tasks.flatMap((_, index) => contextProblems(tasks, index)),
    ...inputProblems(definition),
  ];
}

function namingProblems(field: 'agents' | 'tasks', named: Member<object>[]): Problem[] {
  const one = field.slice(0, -1);
  if (named.length === 0) return [{ path: [field], message: `A crew has at least one ${one}` }];
  return named.flatMap(({ name, path, item }, index): Problem[] => {
    if (name === undefined) return [{ path: [...path, 'name'], message: `In a list every ${one} has a name` }];
    if (!NAMES[field].pattern.test(name)) return [{ path, message: `"${name}": ${NAMES[field].rule}` }];
    if (named.slice(0, index).some((other) => other.name === name))
      return [{ path: [...path, 'name'], message: `There is another ${one} named "${name}"` }];
    return CREW_WORDS[field]
      .filter((words) => words.every((word) => Object.hasOwn(item, word)))
      .map(([ours, theirs]) => ({
        path: [...path, theirs],
        message: `Give either ${ours} or ${theirs}: they are the same`,
      }));
  });
}

function agentProblems({ agents, process }: CrewDefinition, tasks: Member<CrewTask>[]): Problem[] {
  const known = membersOf('agents', agents).map(({ name }) => name!);
  return tasks.flatMap(({ name, path, item: { agent } }): Problem[] => {
    const field = [...path, 'agent'];
    if (agent !== undefined)
      return known.includes(agent)
        ? []
        : [{ path: field, message: `There is no agent "${agent}".${suggestion(agent, known)}` }];
    if (process === 'hierarchical' || known.length <= 1) return [];
    const message = `The task "${name}" names no agent, which only a hierarchical crew may leave to its manager. Known here: ${known.join(', ')}`;
    return [{ path: field, message }];
  });
}

function contextProblems(tasks: Member<CrewTask>[], index: number): Problem[] {
  const { name, path, item } = tasks[index]!;
  return (item.context ?? []).flatMap((needed, nth): Problem[] => {
    const field = [...path, 'context', nth];
    const place = tasks.findIndex((task) => task.name === needed);
    if (place < 0) {
      const known = tasks.map((task) => task.name!);
      return [{ path: field, message: `There is no task "${needed}".${suggestion(needed, known)}` }];
    }
    if (place < index) return [];
    const way = wayBetween(tasks, needed, name!);
    if (way) return [{ path: field, message: `The tasks wait for each other: ${[name, ...way].join(' needs ')}` }];
    return [{ path: field, message: `"${needed}" comes after "${name}": a task is given what those before it gave` }];
  });
}

/** The tasks from one to the other, each of which needs the next; undefined where there is no such way. */
function wayBetween(
  tasks: Member<CrewTask>[],
  from: string,
  to: string,
  seen: ReadonlySet<string> = new Set(),
): string[] | undefined {
  if (from === to) return [to];
  const needs = tasks.find(({ name }) => name === from)?.item.context ?? [];
  for (const next of needs) {
    if (seen.has(next)) continue;
    const way = wayBetween(tasks, next, to, new Set([...seen, from]));
    if (way) return [from, ...way];
  }
  return undefined;
}

function inputProblems(definition: CrewDefinition): Problem[] {
  const { inputs = {} } = definition;
  const missing = [...placeholdersOf(definition)].filter(([name]) => !Object.hasOwn(inputs, name));
  if (missing.length === 0) return [];
  const where = missing.map(([name, path]) => `{${name}} in ${fieldPath('', path)}`).join(', ');
  return [{ path: ['inputs', missing[0]![0]], message: `There is no value for ${where}` }];
}
