import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { RunInfo } from '../../contract/index.ts';
import { type Problem, problemOfError } from '../api/request.ts';
import { ago, usd } from '../parts/figures.ts';
import { ModelName } from '../parts/model-name.tsx';
import { ProblemNote } from '../parts/problem-note.tsx';
import { recentComparisons } from './comparisons.ts';

/** Comparisons of before, newest first. */
export function RecentComparisons() {
  const runs = useSignal<RunInfo[]>([]);
  const problem = useSignal<Problem | undefined>(undefined);
  const load = () => {
    problem.value = undefined;
    recentComparisons().then(
      (found) => {
        runs.value = found;
      },
      (error) => {
        problem.value = problemOfError(error);
      },
    );
  };
  useEffect(load, []);
  if (problem.value) return <ProblemNote problem={problem.value} onRetry={load} />;
  if (runs.value.length === 0) return null;
  return (
    <section class="recent" aria-labelledby="recent">
      <h2 id="recent">Before</h2>
      <ul>
        {runs.value.map((run) => (
          <li key={run.id}>
            <a href={`/compare/${encodeURIComponent(run.id)}`}>{titleOf(run)}</a>
            <span class="recent-models">
              {run.models.slice(0, 4).map((id) => (
                <ModelName key={id} id={id} />
              ))}
            </span>
            <span class="recent-facts figures quiet">
              {run.status === 'running' ? <span class="tag live">live</span> : usd(run.costUsd)}
              <span>{ago(run.startedAt)}</span>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function titleOf({ metadata, id }: RunInfo): string {
  return typeof metadata?.title === 'string' && metadata.title !== '' ? metadata.title : id;
}
