import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { loadModels, models } from '../api/models.ts';
import { keepModels, keptModels } from '../parts/kept-models.ts';
import { RecentRuns } from '../parts/recent-runs.tsx';
import { go, type PageProps } from '../shell/router.ts';
import { Comparison } from './comparison.tsx';
import { type Draft, recentComparisons, startComparison } from './comparisons.ts';
import { Composer } from './composer.tsx';

/** What is being written; it is still there when one comes back. */
const draft = signal<Draft>({ prompt: '', pictures: [], models: keptModels('compare') });

/** Who has chosen none yet is given one model of each provider, or the first ones. */
async function suggestModels(): Promise<void> {
  await loadModels();
  const known = (models.value ?? []).filter(({ id }) => id.includes('/'));
  const each = [...new Map(known.toReversed().map((one) => [one.group, one.id])).values()].toReversed();
  const suggested = (each.length > 1 ? each : known.map(({ id }) => id)).slice(0, 3);
  if (draft.value.models.length === 0 && suggested.length > 0) draft.value = { ...draft.value, models: suggested };
}

/** The front page asks; `/compare/<id>` shows what was answered. */
export function Page({ place }: PageProps) {
  const [first, id] = place.parts;
  useEffect(() => void suggestModels(), []);
  if (first === 'compare' && id !== undefined) return <Comparison key={id} id={id} onAskAgain={askAgain} />;
  return (
    <div class="page ask">
      <h1>Ask several models the same thing</h1>
      <Composer draft={draft} onChange={change} onRun={run} />
      <RecentRuns
        load={recentComparisons}
        pathOf={(id) => `/compare/${encodeURIComponent(id)}`}
        none={<Starters onChoose={(prompt) => change({ prompt })} />}
      />
    </div>
  );
}

const STARTERS = [
  'Why do rivers bend?',
  'Explain idempotency to a new colleague, with an example from a post office.',
  'Write a regular expression for ISO dates, and say what it still lets through.',
];

/** Questions to begin with, for who has asked nothing yet. */
function Starters({ onChoose }: { onChoose(prompt: string): void }) {
  return (
    <section class="recent" aria-labelledby="starters">
      <h2 id="starters">To begin with</h2>
      <ul>
        {STARTERS.map((prompt) => (
          <li key={prompt}>
            <button type="button" class="starter" onClick={() => onChoose(prompt)}>
              {prompt}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function change(more: Partial<Draft>): void {
  if (more.models) keepModels('compare', more.models);
  draft.value = { ...draft.value, ...more };
}

async function run(asked: Draft): Promise<void> {
  const id = await startComparison(asked);
  // What was written while it started is kept.
  const { prompt, pictures } = draft.value;
  change({
    ...{ prompt: prompt === asked.prompt ? '' : prompt, kept: undefined },
    pictures: pictures.filter((picture) => !asked.pictures.includes(picture)),
  });
  go(`/compare/${encodeURIComponent(id)}`);
}

function askAgain(again: Draft): void {
  draft.value = again;
  go('/');
}
