import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { RunPage } from '../../contract/index.ts';
import { type Problem, problemOfError, request } from '../api/request.ts';
import { ago, usd } from '../parts/figures.ts';
import { ProblemNote } from '../parts/problem-note.tsx';

/** Where to begin, and what was begun last. */
export function Page() {
  const runs = useSignal<RunPage['runs']>([]);
  const problem = useSignal<Problem | undefined>(undefined);
  const load = () => {
    problem.value = undefined;
    request<RunPage>('/v1/runs?limit=12').then(
      (page) => {
        runs.value = page.runs;
      },
      (error) => {
        problem.value = problemOfError(error);
      },
    );
  };
  useEffect(load, []);
  return (
    <div class="page narrow stack">
      <h1>Durable AI orchestration</h1>
      <p class="quiet">
        Start a run from a terminal, or over <a href="/docs">the API</a>.
      </p>
      <section class="code" aria-label="A first run">
        <code>{`npx cadenza run ask --input '{"prompt":"Why do rivers bend?"}' --watch`}</code>
      </section>
      {problem.value && <ProblemNote problem={problem.value} onRetry={load} />}
      {runs.value.length > 0 && <h2>Latest runs</h2>}
      <ul>
        {runs.value.map(({ id, pattern, status, startedAt, costUsd, links }) => (
          <li key={id}>
            <a href={links?.temporal ?? links?.self}>{id}</a>{' '}
            <span class="quiet figures">
              {pattern}, {status}, {ago(startedAt)}, {usd(costUsd)}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}
