import { isCancellation, TemporalFailure } from '@temporalio/workflow';
import type { JsonSchema, ToolResultInput, ToolUse } from '../../contract/index.ts';
import { callErrorOf } from '../failures.ts';

/** A tool that is workflow code: it may ask models, run patterns, wait for days. What it throws is told to the model. */
export interface OwnTool {
  description: string;
  /** JSON schema of its arguments; models mostly keep to it, so the tool checks what it is given */
  parameters: JsonSchema;
  /** @param step the tool call's own, which its steps may begin with */
  run(args: Record<string, unknown>, step: string): Promise<string>;
}

/** By the name models see. */
export type OwnTools = Record<string, OwnTool>;

/** How a worker is told of them: as tools it does not run. */
export function ownToolUses(tools: OwnTools): ToolUse[] {
  return Object.entries(tools).map(([name, { description, parameters }]) => ({ name, description, parameters }));
}

export async function ranOwn(tool: OwnTool, args: Record<string, unknown>, step: string): Promise<ToolResultInput> {
  try {
    return { result: await tool.run(args, step) };
  } catch (thrown) {
    // Whatever else it throws is a mistake in the workflow's code, which no model can mend.
    if (isCancellation(thrown) || !(thrown instanceof TemporalFailure)) throw thrown;
    const { type, message } = callErrorOf(thrown);
    return { error: type === 'InvalidRequest' ? message : `${type}: ${message}` };
  }
}
