import { type Signal, useComputed } from '@preact/signals';
import type { Bill } from '../../contract/index.ts';
import { Markdown } from '../markdown/markdown.tsx';
import { useFollowedEnd } from '../parts/followed-end.ts';
import { Icon } from '../parts/icon.tsx';
import { CallFacts } from '../run/call-facts.tsx';
import { costOfStep } from '../run/cost.ts';
import { answerOf, type RunView } from '../run/run-view.ts';

/** One answer made of all, as it comes. */
export function MergedColumn({ view, bill }: { view: Signal<RunView>; bill: Signal<Bill | undefined> }) {
  const call = useComputed(() => answerOf(view.value, 'merge'));
  const state = useComputed(() => view.value.steps.get('merge')?.state);
  const { text = '', model = '' } = call.value ?? {};
  const isOpen = state.value === 'running' && view.value.state === 'running';
  const cost = isOpen ? undefined : costOfStep(view.peek(), 'merge', bill.value);
  const body = useFollowedEnd<HTMLDivElement>(text.length, call.value?.lastAt);
  return (
    <article class="column merged" aria-label="Merged answer" aria-busy={isOpen}>
      <header>
        <h2>
          <Icon name="merge" /> Merged
        </h2>
        <span class="quiet small">by {model}</span>
        <CallFacts call={call.value} isOpen={isOpen} cost={cost} />
      </header>
      <section class="column-body" ref={body} tabIndex={0} aria-label="The merged answer">
        <Markdown text={text} isGrowing={isOpen} />
      </section>
    </article>
  );
}
