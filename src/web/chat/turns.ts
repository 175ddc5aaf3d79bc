import type { CallError } from '../../contract/index.ts';
import type { ApprovalView, CallView, RunView, StepView, ToolView } from '../run/run-view.ts';

/** What is said or done in answer to a message, in order. */
export type Piece =
  | { kind: 'call'; call: CallView }
  | { kind: 'tool'; tool: ToolView }
  | { kind: 'approval'; approval: ApprovalView };

export interface Turn {
  /** the step that can be stopped alone, in a conversation */
  step?: string;
  /** of the message */
  id?: string;
  text?: string;
  pieces: Piece[];
  state: 'running' | 'done' | 'failed' | 'cancelled';
  error?: CallError;
}

/** The turns of a conversation: its steps that answer a message. */
export function turnsOfConversation(view: RunView): Turn[] {
  return [...view.steps.values()].flatMap((step) => {
    const { message, error } = step;
    if (!message) return [];
    const isCut = step.state === 'running' && view.state !== 'running';
    const state = error?.type === 'Cancelled' || isCut ? 'cancelled' : step.state;
    return [{ step: step.id, ...message, pieces: piecesOf(view, [step]), state, error }];
  });
}

/** All an agent's run says and does, as the answer to what it was asked. */
export function turnOfAgent(view: RunView): Turn {
  const state = view.state === 'unknown' ? 'running' : view.state === 'completed' ? 'done' : view.state;
  return { pieces: piecesOf(view, [...view.steps.values()]), state, error: view.error };
}

function piecesOf(view: RunView, steps: StepView[]): Piece[] {
  return steps.flatMap(({ course }) =>
    course.flatMap(({ kind, id }): Piece[] => {
      if (kind === 'tool') return [{ kind, tool: view.tools.get(id)! }];
      if (kind === 'approval') return [{ kind, approval: view.approvals.get(id)! }];
      const call = view.calls.get(id)!;
      // Left for another model, or beaten by one: its words do not count.
      return call.state === 'abandoned' ? [] : [{ kind, call }];
    }),
  );
}
