import { useRef } from 'preact/hooks';
import type { RunPage as Runs } from '../../contract/index.ts';
import { Icon } from '../parts/icon.tsx';
import { usePolled } from '../parts/polled.ts';
import { ProblemNote } from '../parts/problem-note.tsx';
import { RunPage } from '../run-page/run-page.tsx';
import type { PageProps } from '../shell/router.ts';
import { useShortcuts } from '../shell/shortcuts.tsx';
import { RunFilterBar } from './run-filters.tsx';
import { addressOf, filtersOf, isFiltered, requestOf } from './run-query.ts';
import { RunTable } from './run-table.tsx';

/** How often the list is asked for, ms. */
const LIVE_MS = 2_000;

/** `/runs`: the list; `/runs/<id>`: one of them. */
export function Page({ place }: PageProps) {
  const id = place.parts[1];
  return id === undefined ? <RunList query={place.query} /> : <RunPage key={id} id={id} query={place.query} />;
}

function RunList({ query }: { query: URLSearchParams }) {
  const filters = filtersOf(query);
  const cursor = query.get('cursor');
  const path = requestOf(filters, cursor, Date.now());
  // The beginning of a time span moves on; what was asked first is asked again.
  const asked = useRef({ filters: '', path });
  const same = JSON.stringify([filters, cursor]);
  if (asked.current.filters !== same) asked.current = { filters: same, path };
  const { value, problem, refresh } = usePolled<Runs>(asked.current.path, LIVE_MS);
  useShortcuts([{ keys: '/', does: 'Look for a run', act: () => document.getElementById('run-search')?.focus() }]);
  const { runs, nextCursor } = value.value ?? {};
  return (
    <div class="page runs-page">
      <header class="page-head">
        <h1>Runs</h1>
        <p class="quiet small figures" aria-hidden="true">
          <span class="live-dot" /> live
        </p>
      </header>
      <RunFilterBar filters={filters} />
      {problem.value && <ProblemNote problem={problem.value} onRetry={refresh} />}
      {runs && runs.length > 0 && <RunTable runs={runs} />}
      {runs?.length === 0 && (isFiltered(filters) || cursor !== null ? <NoneFound /> : <NoneYet />)}
      {(cursor !== null || nextCursor !== undefined) && (
        <nav class="pager" aria-label="Pages of runs">
          {cursor === null ? (
            <span />
          ) : (
            <a class="button small" href={addressOf(filters)}>
              Newest
            </a>
          )}
          {nextCursor !== undefined && (
            <a class="button small" href={addressOf(filters, nextCursor)}>
              Older
            </a>
          )}
        </nav>
      )}
    </div>
  );
}

function NoneFound() {
  return (
    <div class="empty">
      <Icon name="search" />
      <h2>No run fits</h2>
      <p class="quiet">
        Nothing here matches these filters. <a href="/runs">Show all runs</a>
      </p>
    </div>
  );
}

function NoneYet() {
  return (
    <div class="empty">
      <h2>No runs yet</h2>
      <p class="quiet">A first one, from a terminal:</p>
      <pre class="code">
        <code>{`npx cadenza run ask --input '{"prompt":"Why do rivers bend?"}' --watch`}</code>
      </pre>
      <p class="quiet">
        or <a href="/compare">compare models here</a>. It appears in this list by itself.
      </p>
    </div>
  );
}
