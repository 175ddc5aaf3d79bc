import { useSignal } from '@preact/signals';
import type { RunInfo, RunPage, Timeline } from '../../contract/index.ts';
import { Markdown } from '../markdown/markdown.tsx';
import { duration, usd } from '../parts/figures.ts';
import { Icon } from '../parts/icon.tsx';
import { usePolled } from '../parts/polled.ts';
import { ProblemNote } from '../parts/problem-note.tsx';
import { Scrolled } from '../parts/scrolled.tsx';
import { Status } from '../parts/status.tsx';
import { go } from '../shell/router.ts';
import { textsOf } from './answers.ts';
import { pairedSteps, type StepFigures } from './differing-steps.ts';
import { shortModel, type TimelineStep } from './waterfall-rows.ts';

const STEPS_SHOWN = 300;

/** Two runs side by side: what they answered, cost and took, and the steps in which they differ. */
export function ComparisonSection({
  run,
  steps,
  other,
}: {
  run: RunInfo;
  steps: readonly TimelineStep[];
  other: string;
}) {
  const path = `/v1/runs/${encodeURIComponent(other)}`;
  const info = usePolled<RunInfo>(path);
  const timeline = usePolled<Timeline>(`${path}/timeline`).value.value;
  const back = `/runs/${encodeURIComponent(run.id)}`;
  const right = info.value.value;
  const onlyDiffering = useSignal(false);
  const pairs = timeline ? pairedSteps(steps, timeline.steps) : [];
  const differing = pairs.filter(({ differs }) => differs).length;
  const shown = onlyDiffering.value ? pairs.filter(({ differs }) => differs) : pairs;
  return (
    <section class="run-comparison" aria-labelledby="comparison">
      <div class="section-head">
        <h2 id="comparison">Compared</h2>
        <a class="button quiet small" href={back}>
          <Icon name="close" /> Close
        </a>
      </div>
      {info.problem.value && <ProblemNote problem={info.problem.value} />}
      {right && (
        <div class="compared">
          <Side run={run} than={right} />
          <Side run={right} than={run} />
        </div>
      )}
      {pairs.length > 0 && (
        <>
          {differing === 0 ? (
            <p class="quiet small">Both did the same steps, with the same models and ends.</p>
          ) : (
            <label class="choice small">
              <input
                type="checkbox"
                checked={onlyDiffering.value}
                onChange={({ currentTarget }) => {
                  onlyDiffering.value = currentTarget.checked;
                }}
              />
              Only the {differing} of {pairs.length} steps that differ
            </label>
          )}
          <Scrolled name="Steps">
            <table class="small compared-steps">
              <thead>
                <tr>
                  <th scope="col">Step</th>
                  <th scope="col">{run.id}</th>
                  <th scope="col">{other}</th>
                </tr>
              </thead>
              <tbody>
                {shown.slice(0, STEPS_SHOWN).map(({ step, left, right: theirs, differs }) => (
                  <tr key={step} class={differs ? 'differs' : ''}>
                    <th scope="row">
                      {step}
                      {differs && <span class="tag warn">differs</span>}
                    </th>
                    <td>
                      <Figures of={left} />
                    </td>
                    <td>
                      <Figures of={theirs} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scrolled>
          {shown.length > STEPS_SHOWN && (
            <p class="quiet small">{shown.length - STEPS_SHOWN} more steps are not shown.</p>
          )}
        </>
      )}
    </section>
  );
}

function Side({ run, than }: { run: RunInfo; than: RunInfo }) {
  const result = usePolled<unknown>(
    run.status === 'completed' ? `/v1/runs/${encodeURIComponent(run.id)}/result` : undefined,
  ).value.value;
  const { main } = textsOf(result);
  const [mine, theirs] = [tookOf(run), tookOf(than)];
  return (
    <article class="panel compared-side">
      <header>
        <h3>
          <a href={`/runs/${encodeURIComponent(run.id)}`}>{run.id}</a>
        </h3>
        <Status status={run.status} />
      </header>
      <dl class="fact-list figures">
        <div>
          <dt>Cost</dt>
          <dd>
            {usd(run.costUsd)} <Ratio of={run.costUsd} to={than.costUsd} />
          </dd>
        </div>
        <div>
          <dt>Took</dt>
          <dd>
            {mine === undefined ? '' : duration(mine)} <Ratio of={mine ?? null} to={theirs ?? null} />
          </dd>
        </div>
        <div>
          <dt>Models</dt>
          <dd>{run.models.map(shortModel).join(', ')}</dd>
        </div>
      </dl>
      {main ? (
        <Markdown text={main.text} />
      ) : (
        <p class="quiet">{run.error?.message ?? 'It has no text as its result.'}</p>
      )}
    </article>
  );
}

/** How many times as much, where it is more. */
function Ratio({ of, to }: { of: number | null; to: number | null }) {
  if (of === null || to === null || of === 0 || to === 0 || of <= to * 1.05) return undefined;
  const times = of / to;
  return <span class="tag warn">{times >= 10 ? Math.round(times) : times.toFixed(1)}×</span>;
}

function Figures({ of }: { of: StepFigures | undefined }) {
  if (!of) return <span class="quiet">not done</span>;
  const { models, calls, tookMs, costUsd, failed, cached } = of;
  const said = [
    ...models.map(shortModel),
    ...(calls > 1 ? [`${calls} calls`] : []),
    ...(tookMs === undefined ? [] : [duration(tookMs)]),
    ...(cached ? ['there already'] : calls > 0 ? [usd(costUsd)] : []),
    ...(failed ? ['failed'] : []),
  ];
  return <span class="figures">{said.join(' · ')}</span>;
}

function tookOf({ startedAt, endedAt }: RunInfo): number | undefined {
  return endedAt === undefined ? undefined : Date.parse(endedAt) - Date.parse(startedAt);
}

/** Chooses the run to compare with, among the newest of the same pattern. */
export function ComparedWith({ run }: { run: RunInfo }) {
  const { value } = usePolled<RunPage>(`/v1/runs?limit=30&pattern=${encodeURIComponent(run.pattern)}`);
  const others = (value.value?.runs ?? []).filter(({ id }) => id !== run.id);
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    const id = String(new FormData(event.currentTarget as HTMLFormElement).get('with')).trim();
    if (id !== '') go(`/runs/${encodeURIComponent(run.id)}?with=${encodeURIComponent(id)}`);
  };
  return (
    <form class="stack" onSubmit={onSubmit}>
      <label class="field">
        <span>The other run</span>
        <input name="with" list="other-runs" required autocomplete="off" placeholder="Id of a run" />
      </label>
      <datalist id="other-runs">
        {others.map(({ id, status, costUsd }) => (
          <option key={id} value={id}>
            {status}, {usd(costUsd)}
          </option>
        ))}
      </datalist>
      <button class="button primary" type="submit">
        Compare
      </button>
    </form>
  );
}
