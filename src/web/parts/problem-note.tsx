import type { CallError } from '../../contract/index.ts';
import type { Problem } from '../api/request.ts';
import { Icon } from './icon.tsx';

/** What went wrong, and what to do about it. */
export function ProblemNote({ problem, onRetry }: { problem: Problem; onRetry?(): void }) {
  const { detail, hint, requestId } = problem;
  return (
    <div class="note wrong" role="alert">
      <Icon name="alert" />
      <div>
        <p>{detail}</p>
        {hint && <p class="quiet">{hint}</p>}
        {requestId && <p class="quiet small">Request {requestId}</p>}
      </div>
      {onRetry && (
        <button type="button" class="button small" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Why something has no answer, where it would have stood. */
export function ErrorNote({ error: { message, hint } }: { error: Pick<CallError, 'message' | 'hint'> }) {
  return (
    <div class="note wrong small">
      <Icon name="alert" />
      <div>
        <p>{message}</p>
        {hint && <p class="quiet">{hint}</p>}
      </div>
    </div>
  );
}
