import { type Signal, useComputed, useSignal } from '@preact/signals';
import type { CompareInput, Verdict } from '../../contract/index.ts';
import { useClock } from '../parts/clock.ts';
import { count, duration, usd } from '../parts/figures.ts';
import { Icon } from '../parts/icon.tsx';
import { ModelName } from '../parts/model-name.tsx';
import { ModelSelect } from '../parts/model-select.tsx';
import { costSoFar } from '../run/call-facts.tsx';
import { answerOf, type RunView } from '../run/run-view.ts';

interface BillBarProps {
  view: Signal<RunView>;
  models: string[];
  input: CompareInput | undefined;
  onStop(): void;
  onGoOn(more: Partial<Pick<CompareInput, 'judge' | 'merge' | 'models'>>): void;
}

/** What all of it costs, what the judge said, and what can be done next. */
export function BillBar({ view, models, input, onStop, onGoOn }: BillBarProps) {
  const { state, verdicts, startedAt, endedAt } = view.value;
  const isOpen = state === 'running' || state === 'unknown';
  const now = useClock(isOpen);
  const tokens = useComputed(() => tokensOf(view.value));
  const answered = models.filter((model) => answerOf(view.value, model)?.state === 'done');
  const verdict = verdicts.at(-1)?.verdict;
  const speakingUsd = [...view.value.calls.values()].reduce((sum, call) => sum + (costSoFar(call) ?? 0), 0);
  const elapsed = startedAt === undefined ? undefined : Math.max(0, (endedAt ?? now) - startedAt);
  return (
    <footer class="bill-bar">
      <Shares view={view.value} models={models} />
      {verdict && <VerdictLine verdict={verdict} judge={answerOf(view.value, 'judge')?.model} />}
      <dl class="bill figures">
        <div>
          <dt>{isOpen ? 'So far' : 'In all'}</dt>
          <dd>
            <strong>
              {speakingUsd > 0 && '≈ '}
              {usd(view.value.spentUsd + speakingUsd)}
            </strong>
          </dd>
        </div>
        <div>
          <dt>Tokens</dt>
          <dd>
            {count(tokens.value.input)} in, {count(tokens.value.output)} out
          </dd>
        </div>
        {elapsed !== undefined && (
          <div>
            <dt>Time</dt>
            <dd>{duration(elapsed)}</dd>
          </div>
        )}
      </dl>
      <div class="bill-acts">
        {isOpen ? (
          <button type="button" class="button danger" onClick={onStop}>
            <Icon name="stop" filled /> Stop all
          </button>
        ) : (
          answered.length > 0 && <GoOn answered={answered} input={input} onGoOn={onGoOn} />
        )}
      </div>
    </footer>
  );
}

/** How the bill is shared among the models, and whoever judged and merged; what is not paid yet has no share. */
function Shares({ view, models }: { view: RunView; models: string[] }) {
  const costOf = (step: string) => answerOf(view, step)?.costUsd ?? 0;
  const parts = models.map((model, index) => ({ voice: `voice-${index + 1}`, usd: costOf(model) }));
  const rest = view.spentUsd - parts.reduce((sum, part) => sum + part.usd, 0);
  const shown = [...parts, { voice: '', usd: rest }].filter(({ usd: part }) => part > 1e-9);
  return (
    <div class="shares" aria-hidden="true">
      {shown.map(({ voice, usd: part }) => (
        <i key={voice} class={voice} style={{ flexGrow: part / view.spentUsd }} />
      ))}
    </div>
  );
}

/** Judge or merge the answers that are there. */
function GoOn({ answered, input, onGoOn }: { answered: string[] } & Pick<BillBarProps, 'input' | 'onGoOn'>) {
  const by = useSignal<string | undefined>(undefined);
  const model = by.value ?? answered[0]!;
  const only = answered.length === input?.models.length ? {} : { models: answered };
  return (
    <>
      <ModelSelect label="By" value={model} first={answered} onChange={(id) => (by.value = id)} />
      <button
        type="button"
        class="button"
        disabled={answered.length < 2}
        onClick={() => onGoOn({ ...only, judge: model })}
      >
        <Icon name="judge" /> Judge
      </button>
      <button
        type="button"
        class="button"
        disabled={answered.length < 2}
        onClick={() => onGoOn({ ...only, merge: model })}
      >
        <Icon name="merge" /> Merge
      </button>
    </>
  );
}

function VerdictLine({ verdict, judge }: { verdict: Verdict; judge: string | undefined }) {
  return (
    <details class="verdict">
      <summary>
        <Icon name="judge" />
        <span>
          {verdict.tied ? 'A tie' : <ModelName id={verdict.best} />}
          <span class="quiet">
            {verdict.tied ? `, of ${verdict.tied.length} answers` : ' is best'}
            {judge && `, says ${judge}`}
          </span>
        </span>
      </summary>
      <p>{verdict.reason}</p>
      <table>
        <tbody>
          {verdict.scores.map(({ answer, model, score, reason }) => (
            <tr key={answer}>
              <th scope="row">
                <ModelName id={model} />
              </th>
              <td class="figures">{Math.round(score * 100)}</td>
              <td>{reason}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

function tokensOf({ calls }: RunView): { input: number; output: number } {
  const used = [...calls.values()].flatMap(({ usage }) => (usage ? [usage] : []));
  return {
    input: used.reduce((sum, { inputTokens }) => sum + inputTokens, 0),
    output: used.reduce((sum, { outputTokens }) => sum + outputTokens, 0),
  };
}
