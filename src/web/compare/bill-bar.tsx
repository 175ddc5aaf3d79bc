import { type Signal, useComputed, useSignal } from '@preact/signals';
import type { Bill, CompareInput, Verdict } from '../../contract/index.ts';
import { useClock } from '../parts/clock.ts';
import { count, duration, usd } from '../parts/figures.ts';
import { Icon } from '../parts/icon.tsx';
import { ModelName } from '../parts/model-name.tsx';
import { ModelSelect } from '../parts/model-select.tsx';
import { costOfRun, costOfStep } from '../run/cost.ts';
import { answerOf, hasEnded, type RunView } from '../run/run-view.ts';

interface BillBarProps {
  view: Signal<RunView>;
  bill: Signal<Bill | undefined>;
  models: string[];
  input: CompareInput | undefined;
  onStop(): void;
  onGoOn(more: Partial<Pick<CompareInput, 'judge' | 'merge' | 'models'>>): void;
}

/** What all of it costs, what the judge said, and what can be done next. */
export function BillBar({ view, bill, models, input, onStop, onGoOn }: BillBarProps) {
  const { verdicts, startedAt, endedAt } = view.value;
  const isOpen = !hasEnded(view.value);
  const now = useClock(isOpen);
  const tokens = useComputed(() => (hasEnded(view.value) && bill.value) || tokensOf(view.value));
  const cost = costOfRun(view.value, bill.value);
  const answered = models.filter((model) => answerOf(view.value, model)?.state === 'done');
  const verdict = verdicts.at(-1)?.verdict;
  const elapsed = startedAt === undefined ? undefined : Math.max(0, (endedAt ?? now) - startedAt);
  return (
    <footer class="bill-bar">
      <Shares view={view.value} bill={bill.value} models={models} totalUsd={cost.usd ?? 0} />
      {verdict && <VerdictLine verdict={verdict} judge={answerOf(view.value, 'judge')?.model} />}
      <dl class="bill figures">
        <div>
          <dt>{isOpen ? 'So far' : 'In all'}</dt>
          <dd>
            <strong>
              {cost.isEstimate && '≈ '}
              {usd(cost.usd)}
            </strong>
          </dd>
        </div>
        <div>
          <dt>Tokens</dt>
          <dd>
            {count(tokens.value.inputTokens)} in, {count(tokens.value.outputTokens)} out
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

interface SharesProps {
  view: RunView;
  bill: Bill | undefined;
  models: string[];
  totalUsd: number;
}

/** How the bill is shared among the models, and whoever judged and merged. */
function Shares({ view, bill, models, totalUsd }: SharesProps) {
  const parts = models.map((model, index) => ({
    voice: `voice-${index + 1}`,
    usd: costOfStep(view, model, bill)?.usd ?? 0,
  }));
  const rest = totalUsd - parts.reduce((sum, part) => sum + part.usd, 0);
  const shown = [...parts, { voice: '', usd: rest }].filter(({ usd: part }) => part > 1e-9);
  return (
    <div class="shares" aria-hidden="true">
      {shown.map(({ voice, usd: part }) => (
        <i key={voice} class={voice} style={{ flexGrow: part / totalUsd }} />
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

function tokensOf({ calls }: RunView): Pick<Bill, 'inputTokens' | 'outputTokens'> {
  const used = [...calls.values()].flatMap(({ usage }) => (usage ? [usage] : []));
  return {
    inputTokens: used.reduce((sum, { inputTokens }) => sum + inputTokens, 0),
    outputTokens: used.reduce((sum, { outputTokens }) => sum + outputTokens, 0),
  };
}
