import type { CallError, ToolUse } from '../contract/index.ts';
import type { OpenRooms } from '../runtime/open-rooms.ts';

interface WithTools {
  tools?: ToolUse[];
  skills?: string[];
  agents?: Record<string, WithTools>;
}

/** What is wrong with the tools an input names, as far as that is known without asking a server for its own. */
export async function checkTools(
  tools: OpenRooms['tools'],
  input: object,
  root = 'input',
): Promise<CallError | undefined> {
  const { tools: uses = [], skills = [], agents = {} } = input as WithTools;
  if (Array.isArray(uses)) {
    for (const [index, use] of uses.entries()) {
      const error = await tools.missing(use);
      if (error) return { ...error, path: `${root}.tools[${index}]` };
    }
  }
  for (const [index, skill] of skills.entries()) {
    const error = await tools.missing(`skill__${skill}`);
    if (error) return { ...error, path: `${root}.skills[${index}]` };
  }
  for (const [name, agent] of Object.entries(agents)) {
    const error = await checkTools(tools, agent, `${root}.agents.${name}`);
    if (error) return error;
  }
  return undefined;
}
