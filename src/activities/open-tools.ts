import { Context } from '@temporalio/activity';
import type { ApprovalRule, ToolActivities, ToolFacts } from '../contract/index.ts';
import { estimateTokens } from '../providers/index.ts';
import { type Tool, ToolFailure, type UsedTool } from '../tools/index.ts';
import { failureOf } from './failure.ts';
import { heartbeat } from './heartbeat.ts';
import type { Rooms } from './rooms.ts';

/** An MCP server may be on its way up, ms. */
const AGAIN_MS = 2_000;
const MOST_ATTEMPTS = 3;

/** Finds the tools of agents, and says of a call beforehand what is wrong with it and whether a person is to be asked. */
export function createOpenTools({ store, tools }: Rooms): Pick<ToolActivities, 'openTools' | 'reviewTool'> {
  return {
    async openTools(run, uses) {
      const stopHeartbeat = heartbeat();
      try {
        const used = await tools.resolve(uses).catch((thrown: unknown) => {
          if (!(thrown instanceof ToolFailure)) throw thrown;
          const mayRepeat = thrown.retryable && Context.current().info.attempt < MOST_ATTEMPTS;
          throw failureOf(thrown.error, mayRepeat ? { delayMs: AGAIN_MS } : 'final');
        });
        const shown = used.map(({ tool: { name, description, parameters }, use }) => ({
          name,
          description: use.description ?? description,
          parameters,
        }));
        const json = JSON.stringify(shown);
        const [hash] = await store.blobs.put([Buffer.from(json)], run.id);
        return { hash: hash!, tokens: estimateTokens(json), tools: used.map(factsOf) };
      } finally {
        stopHeartbeat();
      }
    },

    async reviewTool(name, args) {
      const tool = await tools.find(name);
      if (!tool) return { needsApproval: false };
      const checked = await tool.check(args);
      if ('problem' in checked) return { problem: checked.problem, needsApproval: false };
      return {
        needsApproval:
          typeof tool.approval === 'function' ? await tool.approval(checked.args) : tool.approval !== 'never',
      };
    },
  };
}

function factsOf({ tool, use }: UsedTool): ToolFacts {
  const { name, replay, timeoutMs, telling } = tool;
  const { patience, reach, onInterrupted } = use;
  return {
    ...{ name, replay, timeoutMs, telling, patience, reach, onInterrupted },
    kind: tool.run ? 'worker' : tool.asksPerson ? 'person' : 'client',
    approval: stricter(tool, use.approval),
    // Whoever starts an agent may ask for other approvers only where the tool itself names none.
    approvers: tool.approvers ?? use.approvers,
  };
}

const STRICTNESS: ToolFacts['approval'][] = ['never', 'once', 'depends', 'always'];

/** A use may ask for more than the tool does, never for less. */
function stricter({ approval }: Tool, asked: ApprovalRule = 'never'): ToolFacts['approval'] {
  const own = typeof approval === 'function' ? 'depends' : approval;
  return STRICTNESS.indexOf(asked) > STRICTNESS.indexOf(own) ? asked : own;
}
