import {
  type CallError,
  type CrewDefinition,
  fieldPath,
  guardrailsOf,
  membersOf,
  type PolicyRef,
  unusableSchema,
} from '../contract/index.ts';
import { schemaProblem } from '../providers/index.ts';
import type { OpenRooms } from '../runtime/open-rooms.ts';
import { checkTools } from './check-tools.ts';

/** Every model and policy that a crew names beside its own, with the path to it. */
export function policiesOfCrew({ agents, tasks, manager }: CrewDefinition): [path: string, ref: PolicyRef][] {
  const all = [
    ...membersOf('agents', agents).flatMap(({ path, item: { policy, llm } }) => at(path, { policy, llm })),
    ...at(['manager'], { policy: manager?.policy }),
    ...membersOf('tasks', tasks).flatMap(({ path, item }) => [
      ...at(path, { guardrailPolicy: item.guardrailPolicy }),
      ...guardrailsOf(item).flatMap((one) =>
        typeof one === 'object' && one.check === 'model' ? at([...path, 'guardrail'], { model: one.model }) : [],
      ),
    ]),
  ];
  return all.filter((pair): pair is [string, PolicyRef] => pair[1] !== undefined);
}

/** What else can be known of a crew before it is started: its schemas, and the tools that need no server to be asked. */
export async function checkCrew(
  { tools }: Pick<OpenRooms, 'tools'>,
  { agents, tasks }: CrewDefinition,
): Promise<CallError | undefined> {
  for (const { path, item } of membersOf('tasks', tasks)) {
    const checked = guardrailsOf(item).flatMap((one) =>
      typeof one === 'object' && one.check === 'schema' ? [{ field: 'guardrail', schema: one.schema }] : [],
    );
    for (const { field, schema } of [...(item.schema ? [{ field: 'schema', schema: item.schema }] : []), ...checked]) {
      const problem = schemaProblem(schema);
      if (problem) return unusableSchema(problem, fieldPath('input', [...path, field]));
    }
  }
  for (const { path, item } of [...membersOf('agents', agents), ...membersOf('tasks', tasks)]) {
    const wrongTool = await checkTools(tools, item, fieldPath('input', path));
    if (wrongTool) return { ...wrongTool, message: `${wrongTool.path}: ${wrongTool.message}` };
  }
  return undefined;
}

function at<Value>(path: PropertyKey[], fields: Record<string, Value>): [string, Value][] {
  return Object.entries(fields).map(([field, value]) => [fieldPath('', [...path, field]), value]);
}
