import { signal } from '@preact/signals';
import { go, type PageProps } from '../shell/router.ts';
import { Comparison } from './comparison.tsx';
import { type Draft, startComparison } from './comparisons.ts';
import { Composer } from './composer.tsx';
import { keepModels, keptModels } from './kept-models.ts';
import { RecentComparisons } from './recent-comparisons.tsx';

/** What is being written; it is still there when one comes back. */
const draft = signal<Draft>({ prompt: '', pictures: [], models: keptModels() });

/** The front page asks; `/compare/<id>` shows what was answered. */
export function Page({ place }: PageProps) {
  const [first, id] = place.parts;
  if (first === 'compare' && id !== undefined) return <Comparison key={id} id={id} onAskAgain={askAgain} />;
  return (
    <div class="page ask">
      <h1>Ask several models the same thing</h1>
      <Composer draft={draft.value} onChange={change} onRun={run} />
      <RecentComparisons />
    </div>
  );
}

function change(next: Draft): void {
  if (next.models !== draft.value.models) keepModels(next.models);
  draft.value = next;
}

async function run(asked: Draft): Promise<void> {
  const id = await startComparison(asked);
  draft.value = { ...asked, prompt: '', pictures: [] };
  go(`/compare/${encodeURIComponent(id)}`);
}

function askAgain(again: Draft): void {
  draft.value = again;
  go('/');
}
