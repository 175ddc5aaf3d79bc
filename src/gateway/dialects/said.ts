import { isDeepStrictEqual } from 'node:util';
import type { FinishReason, RunEvent, Usage } from '../../contract/index.ts';

/** A tool call as far as its arguments have come: JSON text. */
export interface SaidTool {
  id: string;
  name: string;
  input: string;
  whole: boolean;
}

/** What the newest attempt of one step has said. */
export interface Said {
  text: string;
  reasoning: string;
  tools: SaidTool[];
  model?: string;
  completed?: { model: string; usage: Usage; costUsd: number | null; finishReason: FinishReason; invalid?: string };
}

const nothing = (): Said => ({ text: '', reasoning: '', tools: [] });

/**
 * Puts together what a step says from the run's events. An attempt that fails, and a candidate that is left, have said
 * nothing: `attempt` rises, and what there was is gone.
 */
export function listenTo(step: string) {
  let said = nothing();
  let from = '';
  let attempt = 0;

  return {
    get said() {
      return said;
    },
    get attempt() {
      return attempt;
    },
    take(event: RunEvent): void {
      if (event.step !== step || event.call === undefined) return;
      const place = `${event.call} ${event.epoch ?? 1}`;
      if (place !== from && isSpeech(event)) {
        if (from !== '') attempt += 1;
        from = place;
        said = nothing();
      }
      if (event.type === 'call.started') said.model ??= event.model;
      else if (event.type === 'call.delta') said.text += event.text;
      else if (event.type === 'call.reasoning') said.reasoning += event.text;
      else if (event.type === 'call.toolcall') takeTool(said.tools, event);
      else if (event.type === 'call.completed') {
        const { model, usage, costUsd, finishReason, invalid } = event;
        said.model = model;
        said.completed = { model, usage, costUsd, finishReason, invalid };
      }
    },
  };
}

function isSpeech({ type }: RunEvent): boolean {
  return ['call.started', 'call.delta', 'call.reasoning', 'call.toolcall', 'call.completed'].includes(type);
}

/** Pieces of arguments as the provider sent them, then all of them: where the pieces do not add up, the whole counts. */
function takeTool(
  tools: SaidTool[],
  { id, name, delta, arguments: args }: Extract<RunEvent, { type: 'call.toolcall' }>,
) {
  const known =
    tools.find((tool) => tool.id === id) ??
    (args === undefined ? undefined : tools.find((tool) => !tool.whole && tool.name === name));
  const tool = known ?? { id, name, input: '', whole: false };
  if (!known) tools.push(tool);
  if (delta !== undefined) tool.input += delta;
  if (args === undefined) return;
  tool.whole = true;
  if (!isDeepStrictEqual(parsed(tool.input), args)) tool.input = JSON.stringify(args);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
