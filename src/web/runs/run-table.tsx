import { useRef } from 'preact/hooks';
import type { RunInfo } from '../../contract/index.ts';
import { useClock } from '../parts/clock.ts';
import { ago, duration, usd } from '../parts/figures.ts';
import { Status } from '../parts/status.tsx';
import { TableHead } from '../parts/table-head.tsx';
import { shortModel } from '../run-page/waterfall-rows.ts';
import { useShortcuts } from '../shell/shortcuts.tsx';

const MODELS_SHOWN = 2;

/** Runs as lines, each a link; arrows (and j, k) go from one to the next. */
export function RunTable({ runs }: { runs: readonly RunInfo[] }) {
  const table = useRef<HTMLTableElement>(null);
  const now = useClock(runs.some(({ status }) => status === 'running'));
  const move = (by: number) => {
    const links = [...(table.current?.querySelectorAll<HTMLAnchorElement>('a.run-link') ?? [])];
    const at = links.indexOf(document.activeElement as HTMLAnchorElement);
    const next = at === -1 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by));
    links[next]?.focus();
  };
  useShortcuts([
    { keys: 'j', does: 'To the next run', act: () => move(1) },
    { keys: 'k', does: 'To the run before', act: () => move(-1) },
  ]);
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    move(by);
  };
  return (
    <table ref={table} class="run-table small" onKeyDown={onKeyDown}>
      <TableHead words={['Run', 'Status', 'Pattern', 'Tenant', 'Models']} numbers={['Cost', 'Took', 'Begun']} />
      <tbody>
        {runs.map((run) => (
          <Line key={run.id} run={run} now={now} />
        ))}
      </tbody>
    </table>
  );
}

function Line({ run, now }: { run: RunInfo; now: number }) {
  const { id, pattern, status, tenant, models, costUsd, startedAt, endedAt, error } = run;
  const tookMs = (endedAt === undefined ? now : Date.parse(endedAt)) - Date.parse(startedAt);
  const more = models.length - MODELS_SHOWN;
  return (
    <tr>
      <td class="run-name">
        <a class="run-link" href={`/runs/${encodeURIComponent(id)}`}>
          {id}
        </a>
      </td>
      <td class="run-status">
        <Status status={status} />
        {error && <span class="quiet small"> {error.type}</span>}
      </td>
      <td class="run-pattern">{pattern}</td>
      <td class="run-tenant quiet">{tenant}</td>
      <td class="run-models small" title={models.join(', ')}>
        {models.slice(0, MODELS_SHOWN).map(shortModel).join(', ')}
        {more > 0 && <span class="quiet"> +{more}</span>}
      </td>
      <td class="number figures">{usd(costUsd)}</td>
      <td class="number figures">{duration(Math.max(0, tookMs))}</td>
      <td class="number figures">
        <time dateTime={startedAt} title={new Date(startedAt).toLocaleString()}>
          {ago(startedAt)}
        </time>
      </td>
    </tr>
  );
}
