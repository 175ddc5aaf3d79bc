import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import type { RunInfo } from '../../contract/index.ts';
import { type Problem, problemOfError } from '../api/request.ts';
import { ago, usd } from './figures.ts';
import { ModelName } from './model-name.tsx';
import { ProblemNote } from './problem-note.tsx';

interface RecentRunsProps {
  load(): Promise<RunInfo[]>;
  pathOf(id: string): string;
  /** shown where there are none yet */
  none?: ComponentChildren;
}

/** What one asked before, newest first. */
export function RecentRuns({ load, pathOf, none }: RecentRunsProps) {
  const runs = useSignal<RunInfo[] | undefined>(undefined);
  const problem = useSignal<Problem | undefined>(undefined);
  const look = () => {
    problem.value = undefined;
    load().then(
      (found) => {
        runs.value = found;
      },
      (error) => {
        problem.value = problemOfError(error);
      },
    );
  };
  useEffect(look, []);
  if (problem.value) return <ProblemNote problem={problem.value} onRetry={look} />;
  if (runs.value === undefined) return null;
  if (runs.value.length === 0) return <>{none}</>;
  return (
    <section class="recent" aria-labelledby="recent">
      <h2 id="recent">Recent</h2>
      <ul>
        {runs.value.map((run) => (
          <li key={run.id}>
            <a href={pathOf(run.id)}>{titleOf(run)}</a>
            <span class="recent-models">
              {run.models.slice(0, 4).map((id) => (
                <ModelName key={id} id={id} />
              ))}
            </span>
            <span class="recent-facts figures quiet">
              {run.status === 'running' ? <span class="tag live">open</span> : <span>{usd(run.costUsd)}</span>}
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
