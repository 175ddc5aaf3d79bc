import { useComputed, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { CompareInput } from '../../contract/index.ts';
import { loadModels } from '../api/models.ts';
import { type Problem, problemOfError } from '../api/request.ts';
import { Icon } from '../parts/icon.tsx';
import { ProblemNote } from '../parts/problem-note.tsx';
import { useLiveRun } from '../run/live-run.ts';
import { hasEnded } from '../run/run-view.ts';
import { useBill } from '../run/use-bill.ts';
import { announce } from '../shell/announcer.tsx';
import { go } from '../shell/router.ts';
import { useShortcuts } from '../shell/shortcuts.tsx';
import { BillBar } from './bill-bar.tsx';
import { Columns } from './columns.tsx';
import {
  askAgain,
  type Draft,
  draftOf,
  goOnWith,
  questionOf,
  readInput,
  readVotes,
  stopAll,
  stopOne,
  type Votes,
  vote,
} from './comparisons.ts';
import { Question } from './question.tsx';

/** One comparison: what was asked, the answers as they come, and what they cost. */
export function Comparison({ id, onAskAgain }: { id: string; onAskAgain(draft: Draft): void }) {
  const { view, stream, problem } = useLiveRun(id);
  const bill = useBill(id, view);
  const input = useSignal<CompareInput | undefined>(undefined);
  const pattern = useSignal<string | undefined>(undefined);
  const votes = useSignal<Votes>({ votes: {} });
  const failed = useSignal<Problem | undefined>(undefined);
  const isOver = useComputed(() => hasEnded(view.value));
  const isOf = useComputed(() => view.value.pattern ?? pattern.value);

  /** Does what a button says; what goes wrong is shown. */
  const act = async (work: () => Promise<unknown>) => {
    failed.value = undefined;
    try {
      await work();
    } catch (error) {
      failed.value = problemOfError(error);
    }
  };
  const open = (next: string) => go(`/compare/${encodeURIComponent(next)}`);
  useEffect(() => {
    void loadModels();
    void act(async () => {
      const found = await readInput(id);
      pattern.value = found.pattern;
      if (found.pattern === 'compare') input.value = found.input as CompareInput;
    });
    void act(async () => {
      votes.value = await readVotes(id);
    });
  }, [id]);
  useEffect(() => {
    if (input.value) document.title = `${questionOf(input.value).prompt.slice(0, 60) || 'Comparison'} · Cadenza`;
  }, [input.value]);
  useEffect(() => {
    if (isOver.value) announce(`The comparison is ${view.value.state}`);
  }, [isOver.value]);

  const stop = () => act(() => stopAll(id));
  const again = () => input.value && onAskAgain(draftOf(input.value));
  useShortcuts(
    [
      { keys: 'n', does: 'New comparison', act: () => go('/') },
      { keys: 'e', does: 'Change the question and ask again', act: again },
      { keys: 's', does: 'Stop all', act: () => void (isOf.value !== 'compare' || isOver.value || stop()) },
    ],
    [id],
  );

  if (isOf.value === undefined) {
    const wrong = problem.value ?? failed.value;
    return <div class="page">{wrong ? <ProblemNote problem={wrong} /> : <p class="unseen">Loading</p>}</div>;
  }
  if (isOf.value !== 'compare') return <NoComparison id={id} pattern={isOf.value} />;
  const models = input.value?.models ?? modelsSoFar([...view.value.steps.keys()]);
  return (
    <div class="comparison">
      <Question input={input.value} onAskAgain={again} />
      {(problem.value ?? failed.value) && <ProblemNote problem={(problem.value ?? failed.value)!} />}
      {stream.value === 'away' && (
        <p class="note small" role="status">
          <Icon name="alert" /> The server does not answer. The run goes on; the page does too, as soon as it is back.
        </p>
      )}
      <Columns
        view={view}
        bill={bill}
        models={models}
        votes={votes.value}
        onStop={(model) => act(() => stopOne(id, model))}
        onRetry={(model) => act(async () => open(await askAgain(id, model)))}
        onVote={(model) =>
          act(async () => {
            votes.value = await vote(id, model);
            announce(model === null ? 'Vote taken back' : `${model} is best, as you say`);
          })
        }
      />
      <BillBar
        view={view}
        bill={bill}
        models={models}
        input={input.value}
        onStop={stop}
        onGoOn={(more) => act(async () => open(await goOnWith(id, more)))}
      />
    </div>
  );
}

function NoComparison({ id, pattern }: { id: string; pattern: string }) {
  return (
    <div class="page">
      <p class="note">
        This run is of the pattern {pattern}, which is no comparison:{' '}
        <a href={`/runs/${encodeURIComponent(id)}`}>see what it did</a>.
      </p>
    </div>
  );
}

/** Until it is known whom the run was to ask: those it has asked. */
function modelsSoFar(steps: string[]): string[] {
  return steps.filter((step) => step !== 'judge' && step !== 'merge' && !step.includes('#'));
}
