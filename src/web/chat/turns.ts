import type { CallError, Message } from '../../contract/index.ts';
import type { ApprovalView, CallView, RunView, StepView, ToolView } from '../run/run-view.ts';

/** What is said or done in answer to a message, in order; of an agent also what it was told meanwhile. */
export type Piece =
  | { kind: 'call'; call: CallView }
  | { kind: 'tool'; tool: ToolView }
  | { kind: 'approval'; approval: ApprovalView }
  | { kind: 'message'; message: TakenMessage };

/** What an agent at work was told. */
export interface TakenMessage {
  /** of the event that says so */
  seq: number;
  text: string;
  /** how many pieces there were */
  after: number;
}

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

/** Stands in requests for an answer without words: some models take no two messages of one speaker in a row. */
export const SILENCE = '…';

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
export function turnOfAgent(view: RunView, taken: readonly TakenMessage[]): Turn {
  const state = view.state === 'unknown' ? 'running' : view.state === 'completed' ? 'done' : view.state;
  const pieces = piecesOfAgent(view);
  for (const message of taken.toReversed()) pieces.splice(message.after, 0, { kind: 'message', message });
  return { pieces, state, error: view.error };
}

export function piecesOfAgent(view: RunView): Piece[] {
  return piecesOf(view, [...view.steps.values()]);
}

/** What an agent's run said after it was asked, and what it was told meanwhile: somebody speaks, then the other. */
export function saidIn({ pieces }: Turn): Message[] {
  const said: Message[] = [];
  let words: string[] = [];
  const answer = () => {
    said.push({ role: 'assistant', content: words.join('\n\n') || SILENCE });
    words = [];
  };
  for (const piece of pieces) {
    if (piece.kind === 'message') {
      answer();
      said.push({ role: 'user', content: piece.message.text });
    }
    if (piece.kind === 'call' && isWhole(piece.call)) words.push(piece.call.text);
  }
  answer();
  return said;
}

/** Words that count: those of a summary, or of a tool's own work, are not for readers. */
function isWhole({ state, step, text, invalid }: CallView): boolean {
  return state === 'done' && invalid === undefined && !step.includes('/') && text !== '';
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
