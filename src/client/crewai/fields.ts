import { CrewAgent, CrewTask } from '../../contract/index.ts';

/** A field of a CrewAI project that has no meaning here, and who has it. */
export interface LeftOut {
  file: 'agents' | 'tasks';
  field: string;
  of: string[];
}

type Item = Record<string, unknown>;
type Translated = Record<string, unknown>;

/** An agent of `agents.yaml`, as a crew's input has it. @param leaveOut told of each field without a meaning here */
export function agentFields(item: Item, leaveOut: (field: string) => void): Translated {
  const { llm, tools, max_execution_time: seconds, ...rest } = present(item);
  return {
    ...known(rest, CrewAgent.shape, leaveOut),
    ...(tools !== undefined && { tools: asList(tools) }),
    ...(llm !== undefined && { llm: policyOf(llm, leaveOut) }),
    ...(typeof seconds === 'number' && { limits: { time: seconds * 1_000, ...(rest.limits as object) } }),
  };
}

/** A task of `tasks.yaml`, likewise. */
export function taskFields(item: Item, leaveOut: (field: string) => void): Translated {
  const { tools, context, ...rest } = present(item);
  return {
    ...known(rest, CrewTask.shape, leaveOut),
    ...(tools !== undefined && { tools: asList(tools) }),
    ...(context !== undefined && { context: asList(context) }),
  };
}

/** YAML says null for a field that is written and left empty. */
function present(item: Item): Item {
  return Object.fromEntries(Object.entries(item).filter(([, value]) => value !== null && value !== ''));
}

function known(item: Item, shape: object, leaveOut: (field: string) => void): Translated {
  const entries = Object.entries(item).filter(([field]) => {
    // The name is the key it stands under.
    const isKnown = field !== 'name' && Object.hasOwn(shape, field);
    if (!isKnown) leaveOut(field);
    return isKnown;
  });
  return Object.fromEntries(entries);
}

function asList(value: unknown): unknown {
  return typeof value === 'string' ? [value] : value;
}

const VENDORS: [RegExp, string][] = [
  [/^(gpt-|chatgpt-|o\d)/, 'openai'],
  [/^claude-/, 'anthropic'],
  [/^gemini-/, 'gemini'],
];

/** What CrewAI calls a setting of a model, and what a policy does. */
const SETTINGS: Record<string, string> = {
  temperature: 'temperature',
  max_tokens: 'maxOutputTokens',
  max_completion_tokens: 'maxOutputTokens',
  top_p: 'topP',
  seed: 'seed',
  stop: 'stop',
};

/** An `llm` is a model's name, with or without its vendor, or an object with its settings. */
function policyOf(llm: unknown, leaveOut: (field: string) => void): unknown {
  if (typeof llm === 'string') return modelOf(llm);
  if (typeof llm !== 'object' || llm === null || !('model' in llm)) return llm;
  const { model, ...settings } = present(llm as Item);
  const set = Object.entries(settings).flatMap(([name, value]): [string, unknown][] => {
    if (Object.hasOwn(SETTINGS, name)) return [[SETTINGS[name]!, value]];
    leaveOut(`llm.${name}`);
    return [];
  });
  return { candidates: [modelOf(String(model))], ...Object.fromEntries(set) };
}

function modelOf(name: string): string {
  if (name.includes('/')) return name;
  const vendor = VENDORS.find(([pattern]) => pattern.test(name))?.[1];
  return vendor === undefined ? name : `${vendor}/${name}`;
}
