import type { RunStatus } from '../../contract/index.ts';

const LOOKS: Record<RunStatus, string> = { running: 'live', completed: 'good', failed: 'wrong', cancelled: '' };

/** How a run is: said in words, so that colour only underlines it. */
export function Status({ status }: { status: RunStatus }) {
  return (
    <span class={`tag status ${LOOKS[status]}`}>
      <span class="status-dot" aria-hidden="true" />
      {status}
    </span>
  );
}
