import { refusal } from '../client/errors.ts';
import { type AgentDefinition, type AgentInput, suggestion } from '../contract/index.ts';

/** The agents of the config, by name. */
export type NamedAgents = Record<string, AgentDefinition>;

/** The agent of requests that name none: a plain one on the default policy, where the config has none of this name. */
export const DEFAULT_AGENT = 'default';

/** What requests may ask for by name, with what each is for. */
export function listAgents(agents: NamedAgents): { name: string; description?: string }[] {
  return Object.entries<AgentDefinition>({ [DEFAULT_AGENT]: {}, ...agents }).map(([name, { description }]) => ({
    name,
    description,
  }));
}

/** The input of a run of a named agent. @param work its task or messages, and tools that whoever asks runs: they come after
 *  its own, which win where a name is taken. @throws CadenzaError NotFound */
export function agentInput(
  agents: NamedAgents,
  name: string,
  { tools = [], ...work }: Pick<AgentInput, 'task' | 'messages' | 'tools'>,
): AgentInput {
  const { description: _, ...agent } = agentOf(agents, name);
  return { ...agent, ...work, ...(tools.length > 0 && { tools: [...(agent.tools ?? []), ...tools] }) };
}

export function agentOf(agents: NamedAgents, name: string): AgentDefinition {
  if (Object.hasOwn(agents, name)) return agents[name]!;
  if (name === DEFAULT_AGENT) return {};
  throw refusal('NotFound', `There is no agent "${name}".${suggestion(name, Object.keys(agents))}`, {
    path: 'agent',
    hint: 'Agents are named in cadenza.config.ts, under agents',
  });
}
