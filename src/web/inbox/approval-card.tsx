import { useSignal } from '@preact/signals';
import { useId } from 'preact/hooks';
import type { ApprovalReceipt, PendingApproval } from '../../contract/index.ts';
import { hasKey } from '../api/key.ts';
import { type Problem, problemOfError, request } from '../api/request.ts';
import { Markdown } from '../markdown/markdown.tsx';
import { useClock } from '../parts/clock.ts';
import { ago, duration, usd } from '../parts/figures.ts';
import { Icon } from '../parts/icon.tsx';
import { ProblemNote } from '../parts/problem-note.tsx';
import { announce } from '../shell/announcer.tsx';

const NAME_KEPT_AS = 'cadenza.name';

interface Shown {
  text?: string;
  tool?: string;
  arguments?: Record<string, unknown>;
  question?: string;
  agent?: string;
  costUsd?: number;
  /** JSON of anything else */
  rest?: unknown;
}

interface ApprovalCardProps {
  approval: PendingApproval;
  /** the run is not this page's own */
  linksRun?: boolean;
  onAnswered(receipt: ApprovalReceipt): void;
}

/** What a run asks a person, and the place to answer it. */
export function ApprovalCard({ approval, linksRun = false, onAnswered }: ApprovalCardProps) {
  const { id, approval: name, approvers, requestedAt, expiresAt, pattern, tenant } = approval;
  const shown = shownOf(approval.show);
  const heading = useId();
  const comment = useSignal('');
  const by = useSignal(localStorage.getItem(NAME_KEPT_AS) ?? '');
  const changed = useSignal(shown.arguments === undefined ? '' : JSON.stringify(shown.arguments, null, 2));
  const sending = useSignal<'approve' | 'reject' | undefined>(undefined);
  const problem = useSignal<Problem | undefined>(undefined);
  const wrong = useSignal('');
  const now = useClock(expiresAt !== undefined);
  const left = expiresAt === undefined ? undefined : Date.parse(expiresAt) - now;

  async function answer(approved: boolean): Promise<void> {
    const args = approved ? argumentsGiven(changed.value, shown.arguments) : {};
    wrong.value = 'wrong' in args ? args.wrong : '';
    if ('wrong' in args) return;
    sending.value = approved ? 'approve' : 'reject';
    const said = {
      comment: comment.value.trim() || undefined,
      by: hasKey.value ? undefined : by.value.trim() || undefined,
    };
    if (said.by !== undefined) localStorage.setItem(NAME_KEPT_AS, said.by);
    try {
      const path = `/v1/runs/${encodeURIComponent(id)}/approvals/${encodeURIComponent(name)}`;
      const receipt = await request<ApprovalReceipt>(path, { method: 'POST', body: { approved, ...said, ...args } });
      announce(`${approved ? 'Approved' : 'Rejected'}: ${titleOf(shown, name)}`);
      onAnswered(receipt);
    } catch (error) {
      problem.value = problemOfError(error);
    }
    sending.value = undefined;
  }

  return (
    <article class="approval panel" aria-labelledby={heading}>
      <header>
        <Icon name={shown.tool === undefined ? 'inbox' : 'tool'} />
        <div>
          <h2 id={heading}>{titleOf(shown, name)}</h2>
          <p class="quiet small figures">
            {linksRun && (
              <>
                <a href={`/runs/${encodeURIComponent(id)}`}>{id}</a> ·{' '}
              </>
            )}
            {pattern}
            {tenant !== undefined && ` · ${tenant}`}
            {shown.agent !== undefined && shown.agent !== 'agent' && ` · ${shown.agent}`} · asked{' '}
            <time dateTime={requestedAt} title={new Date(requestedAt).toLocaleString()}>
              {ago(requestedAt)}
            </time>
            {shown.costUsd !== undefined && ` · ${usd(shown.costUsd)} spent so far`}
          </p>
        </div>
        {left !== undefined && (
          <span class={left < 3_600_000 ? 'tag warn figures' : 'tag figures'}>
            {left > 0 ? `${duration(left)} left` : 'time is over'}
          </span>
        )}
      </header>
      {shown.text !== undefined && (
        <div class="approval-text">
          <Markdown text={shown.text} />
        </div>
      )}
      {shown.rest !== undefined && (
        <pre class="code" tabIndex={0}>
          {JSON.stringify(shown.rest, null, 2)}
        </pre>
      )}
      {shown.arguments !== undefined && (
        <label class="field">
          <span>
            With these arguments <span class="quiet">as they are, or changed by you</span>
          </span>
          <textarea
            class="mono"
            rows={Math.min(14, changed.value.split('\n').length)}
            spellcheck={false}
            value={changed.value}
            aria-invalid={wrong.value !== ''}
            onInput={({ currentTarget }) => {
              changed.value = currentTarget.value;
              wrong.value = '';
            }}
          />
        </label>
      )}
      {wrong.value !== '' && (
        <p class="wrong" role="alert">
          {wrong.value}
        </p>
      )}
      <div class="approval-answer">
        <label class="field">
          <span>
            {shown.question === undefined ? 'Comment' : 'Answer'} <span class="quiet">the run is told</span>
          </span>
          <textarea
            rows={shown.question === undefined ? 1 : 2}
            value={comment.value}
            onInput={({ currentTarget }) => {
              comment.value = currentTarget.value;
            }}
          />
        </label>
        {!hasKey.value && (
          <label class="field approval-by">
            <span>Your name</span>
            <input
              value={by.value}
              autocomplete="name"
              onInput={({ currentTarget }) => {
                by.value = currentTarget.value;
              }}
            />
          </label>
        )}
      </div>
      {problem.value && <ProblemNote problem={problem.value} />}
      <footer>
        <p class="quiet small">{approvers ? `For ${approvers.join(', ')}` : 'For whoever may approve'}</p>
        <button
          type="button"
          class="button danger"
          data-answer="reject"
          disabled={sending.value !== undefined}
          onClick={() => answer(false)}
        >
          <Icon name="close" /> {sending.value === 'reject' ? 'Rejecting…' : 'Reject'}
        </button>
        <button
          type="button"
          class="button primary"
          data-answer="approve"
          disabled={sending.value !== undefined}
          onClick={() => answer(true)}
        >
          <Icon name="check" /> {sending.value === 'approve' ? 'Approving…' : 'Approve'}
        </button>
      </footer>
    </article>
  );
}

function titleOf({ tool, question, arguments: args }: Shown, name: string): string {
  if (question !== undefined) return question;
  if (tool !== undefined) return args === undefined ? tool : `May ${tool} be used?`;
  return name;
}

/** What runs show: text, a question, the use of a tool, or anything that is JSON. */
function shownOf(show: unknown): Shown {
  if (typeof show === 'string') return { text: show };
  if (show === null || show === undefined) return {};
  if (typeof show !== 'object' || Array.isArray(show)) return { rest: show };
  const {
    tool,
    toolCall: _,
    arguments: args,
    question,
    agent,
    costUsd,
    text,
    schema,
    ...rest
  } = show as Record<string, unknown>;
  const known: Shown = {
    ...(typeof tool === 'string' && { tool }),
    ...(typeof question === 'string' && { question }),
    ...(typeof agent === 'string' && { agent }),
    ...(typeof costUsd === 'number' && { costUsd }),
    ...(typeof text === 'string' && { text }),
    ...(typeof args === 'object' && args !== null && { arguments: args as Record<string, unknown> }),
  };
  if (schema !== undefined) known.arguments ??= {};
  const others = { ...rest, ...(schema !== undefined && { schema }) };
  return Object.keys(others).length === 0 ? known : { ...known, rest: others };
}

/** Those that the person changed; none where they stay as they were. */
function argumentsGiven(
  text: string,
  before: Record<string, unknown> | undefined,
): { arguments?: Record<string, unknown> } | { wrong: string } {
  if (before === undefined || text === JSON.stringify(before, null, 2)) return {};
  try {
    const given = JSON.parse(text);
    if (typeof given === 'object' && given !== null && !Array.isArray(given)) return { arguments: given };
    return { wrong: 'Arguments are one JSON object, as { "city": "Rome" }.' };
  } catch (error) {
    return { wrong: `These arguments are not JSON: ${(error as Error).message}` };
  }
}
