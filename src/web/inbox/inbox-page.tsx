import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { ApprovalReceipt, PendingApproval } from '../../contract/index.ts';
import { Icon } from '../parts/icon.tsx';
import { usePolled } from '../parts/polled.ts';
import { ProblemNote } from '../parts/problem-note.tsx';
import { useShortcuts } from '../shell/shortcuts.tsx';
import { ApprovalCard } from './approval-card.tsx';

const LIVE_MS = 3_000;

/** All that runs ask people, longest waiting first. */
export function Page() {
  const { value, problem, refresh } = usePolled<{ approvals: PendingApproval[] }>('/v1/approvals', LIVE_MS);
  const answered = useSignal<ApprovalReceipt[]>([]);
  const list = useRef<HTMLUListElement>(null);
  const cards = () => [...(list.current?.children ?? [])] as HTMLElement[];
  const current = () => cards().findIndex((card) => card.contains(document.activeElement));
  const move = (by: number) => {
    const next = cards()[Math.max(0, Math.min(cards().length - 1, current() + by))];
    next?.focus();
    next?.scrollIntoView({ block: 'nearest' });
  };
  const toButton = (which: 'approve' | 'reject') => {
    const card = cards()[Math.max(0, current())];
    card?.querySelector<HTMLElement>(`[data-answer="${which}"]`)?.focus();
  };
  useShortcuts([
    { keys: 'j', does: 'To the next question', act: () => move(1) },
    { keys: 'k', does: 'To the question before', act: () => move(-1) },
    { keys: 'a', does: 'To its Approve button', act: () => toButton('approve') },
    { keys: 'r', does: 'To its Reject button', act: () => toButton('reject') },
  ]);
  const isAnswered = ({ id, approval }: PendingApproval) =>
    answered.value.some((one) => one.id === id && one.approval === approval);
  const waiting = value.value?.approvals.filter((one) => !isAnswered(one));
  return (
    <div class="page narrow inbox">
      <header class="page-head">
        <h1>Inbox</h1>
        {waiting && waiting.length > 0 && (
          <p class="quiet figures">
            {waiting.length === 1 ? 'One run waits' : `${waiting.length} runs wait`} for a person
          </p>
        )}
      </header>
      {problem.value && <ProblemNote problem={problem.value} onRetry={refresh} />}
      {answered.value.map(({ id, approval, approved, taken }) => (
        <p key={`${id} ${approval}`} class="note">
          <Icon name={approved ? 'check' : 'close'} />
          <span>
            {approved ? 'Approved' : 'Rejected'}: {approval} of <a href={`/runs/${encodeURIComponent(id)}`}>{id}</a>
            {!taken && '. No worker is there just now; the answer is kept for the next one.'}
          </span>
        </p>
      ))}
      <ul ref={list} class="cards">
        {waiting?.map((approval) => (
          <li key={`${approval.id} ${approval.approval}`} tabIndex={-1}>
            <ApprovalCard
              approval={approval}
              linksRun
              onAnswered={(receipt) => {
                answered.value = [...answered.value, receipt];
                void refresh();
              }}
            />
          </li>
        ))}
      </ul>
      {waiting?.length === 0 && (
        <div class="empty">
          <Icon name="check" />
          <h2>Nothing waits for you</h2>
          <p class="quiet">
            What runs ask people appears here by itself: a step with <code>approval()</code>, or a tool an agent may
            only use when somebody agrees.
          </p>
        </div>
      )}
    </div>
  );
}
