import { useSignal } from '@preact/signals';
import { type Problem, problemOfError } from '../api/request.ts';
import { Icon } from '../parts/icon.tsx';
import { ProblemNote } from '../parts/problem-note.tsx';
import type { ApprovalView } from '../run/run-view.ts';
import { decide } from './chats.ts';

interface ApprovalInPlaceProps {
  run: string;
  approval: ApprovalView;
  /** what asks still waits for the answer */
  isOpen: boolean;
}

/** What the run asks a person, to be answered where it is read. */
export function ApprovalInPlace({ run, approval, isOpen }: ApprovalInPlaceProps) {
  const comment = useSignal('');
  const isBusy = useSignal(false);
  const problem = useSignal<Problem | undefined>(undefined);
  const { question, tool, given } = shownOf(approval.show);
  const { decision } = approval;
  if (decision || !isOpen) {
    return (
      <p class="note small">
        <Icon name={decision?.approved ? 'check' : 'close'} />
        <span>
          {question ?? `Use of ${tool ?? approval.id}`}: {decision?.comment ?? howAnswered(decision)}
        </span>
      </p>
    );
  }
  const answer = async (approved: boolean) => {
    isBusy.value = true;
    problem.value = undefined;
    try {
      await decide(run, approval.id, { approved, ...(comment.value.trim() && { comment: comment.value.trim() }) });
    } catch (error) {
      problem.value = problemOfError(error);
      isBusy.value = false;
    }
  };
  return (
    <form
      class="ask-person panel"
      onSubmit={(event) => {
        event.preventDefault();
        void answer(true);
      }}
    >
      <h2>{question ?? (tool ? `May ${tool} be used?` : approval.id)}</h2>
      {given !== undefined && (
        <pre class="code" tabIndex={0}>
          {given}
        </pre>
      )}
      <label class="field">
        <span>{question === undefined ? 'Comment' : 'Your answer'}</span>
        <input
          value={comment}
          onInput={({ currentTarget }) => {
            comment.value = currentTarget.value;
          }}
        />
      </label>
      <div class="ask-acts">
        <button type="submit" class="button primary" disabled={isBusy.value}>
          {question === undefined ? 'Allow' : 'Answer'}
        </button>
        <button type="button" class="button danger" disabled={isBusy.value} onClick={() => void answer(false)}>
          {question === undefined ? 'Decline' : 'Say no'}
        </button>
      </div>
      {problem.value && <ProblemNote problem={problem.value} />}
    </form>
  );
}

function howAnswered(decision: ApprovalView['decision']): string {
  if (!decision) return 'It ended before anybody answered';
  if (decision.expired) return 'Nobody answered in time';
  return `${decision.approved ? 'Yes' : 'No'}${decision.by ? ` by ${decision.by}` : ''}`;
}

/** A question of an agent, or the use of a tool; anything else as JSON. */
function shownOf(show: unknown): { question?: string; tool?: string; given?: string } {
  if (typeof show === 'string') return { given: show };
  const { question, tool, arguments: args } = (show ?? {}) as Record<string, unknown>;
  if (typeof question === 'string') return { question };
  if (typeof tool === 'string') return { tool, given: JSON.stringify(args, null, 2) };
  return { given: JSON.stringify(show, null, 2) };
}
