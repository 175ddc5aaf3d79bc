import type { CallError, ToolActivities, ToolCallPart, ToolFacts } from '../../contract/index.ts';
import { host } from '../host.ts';
import { totalUsd } from '../spending.ts';
import { type Approval, approval } from '../steps/approval.ts';
import type { AgentState } from './state.ts';

/** A turn of an agent, as far as asking people for its tools needs it. */
export interface Permitting {
  state: AgentState;
  /** decisions of this turn about tools that are approved once a run, by tool */
  deciding: Map<string, Promise<Approval>>;
}

/** Asks a person, where the tool or its use wants that. */
export async function permitted(
  asked: ToolCallPart,
  step: string,
  facts: ToolFacts,
  { state, deciding }: Permitting,
): Promise<{ arguments: Record<string, unknown> } | { problem: CallError }> {
  const { name, approval: rule, approvers, patience } = facts;
  const { arguments: args } = asked;
  if (rule === 'never' || (rule === 'once' && state.approved.includes(name))) return { arguments: args };
  const { problem, needsApproval } = await reviewing(step).reviewTool(name, args);
  if (problem !== undefined)
    return { problem: { type: 'InvalidRequest', message: `The arguments do not fit: ${problem}` } };
  if (rule === 'depends' && !needsApproval) return { arguments: args };
  const earlier = rule === 'once' ? deciding.get(name) : undefined;
  const asking =
    earlier ??
    approval({
      step: `${step}/approve`,
      show: {
        ...{ tool: name, toolCall: asked.id, arguments: args },
        ...{ agent: state.active, costUsd: Number(totalUsd().toFixed(6)) },
      },
      approvers,
      patience,
    });
  deciding.set(name, asking);
  const decision = await asking;
  if (decision.approved) return { arguments: (earlier ? undefined : decision.arguments) ?? args };
  const by = decision.expired ? 'Nobody answered in time' : `${decision.by ?? 'A person'} said no`;
  const comment = decision.comment === undefined ? '' : `: ${decision.comment}`;
  return { problem: { type: 'ToolDenied', message: `${name} was not allowed. ${by}${comment}` } };
}

function reviewing(summary: string): Pick<ToolActivities, 'reviewTool'> {
  return host().proxyLocalActivities<ToolActivities>({
    summary,
    startToCloseTimeout: '1 minute',
    retry: { maximumAttempts: 5 },
  });
}
