import { type Signal, useComputed, useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { Bill } from '../../contract/index.ts';
import type { RunView } from '../run/run-view.ts';
import { Column } from './column.tsx';
import type { Votes } from './comparisons.ts';
import { MergedColumn } from './merged-column.tsx';

interface ColumnsProps {
  view: Signal<RunView>;
  bill: Signal<Bill | undefined>;
  models: string[];
  votes: Votes;
  onStop(model: string): void;
  onRetry(model: string): void;
  onVote(model: string | null): void;
}

/** The answers side by side; on a phone one at a time, to be swiped. */
export function Columns({ view, bill, models, votes, onStop, onRetry, onVote }: ColumnsProps) {
  const shown = useSignal(0);
  const strip = useRef<HTMLDivElement>(null);
  const verdict = useComputed(() => view.value.verdicts.at(-1)?.verdict);
  const hasMerged = useComputed(() => view.value.steps.has('merge'));
  const names = [...models.map((model) => model.slice(model.indexOf('/') + 1)), ...(hasMerged.value ? ['merged'] : [])];
  const show = (index: number) => {
    const { current } = strip;
    current?.scrollTo({ left: index * current.clientWidth, behavior: 'smooth' });
  };
  return (
    <section class="columns-frame" aria-label="Answers">
      <nav class="column-tabs" aria-label="Answers">
        {names.map((name, index) => (
          <button
            key={name}
            type="button"
            class={`voice-${index + 1}`}
            aria-current={shown.value === index ? 'true' : undefined}
            onClick={() => show(index)}
          >
            {name}
          </button>
        ))}
      </nav>
      <div
        ref={strip}
        class={`columns of-${names.length}`}
        onScroll={({ currentTarget }) => {
          shown.value = Math.round(currentTarget.scrollLeft / Math.max(1, currentTarget.clientWidth));
        }}
      >
        {models.map((model, index) => (
          <Column
            key={model}
            view={view}
            bill={bill}
            model={model}
            voice={index + 1}
            verdict={verdict.value}
            votes={votes}
            onStop={onStop}
            onRetry={onRetry}
            onVote={onVote}
          />
        ))}
        {hasMerged.value && <MergedColumn view={view} bill={bill} />}
      </div>
    </section>
  );
}
