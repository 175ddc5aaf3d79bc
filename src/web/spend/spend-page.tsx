import type { Spend, SpendLine } from '../../contract/index.ts';
import { count, usd } from '../parts/figures.ts';
import { usePolled } from '../parts/polled.ts';
import { ProblemNote } from '../parts/problem-note.tsx';
import { Scrolled } from '../parts/scrolled.tsx';
import { TableHead } from '../parts/table-head.tsx';
import { go, type PageProps } from '../shell/router.ts';
import { BudgetBars } from './budget-bars.tsx';
import { type Days, daysIn, lastDays, monthOf, shortDay, today } from './days.ts';
import { StackedBars } from './stacked-bars.tsx';
import { byPart, type Part, stacked } from './stacks.ts';

const PARTS: Part[] = ['model', 'tenant', 'key', 'pattern'];
/** Lines of the table at most. */
const PARTS_SHOWN = 100;
const NAMES: Record<Part, string> = { model: 'Model', tenant: 'Tenant', key: 'API key', pattern: 'Pattern' };
const RANGES = [
  ['7', '7 days'],
  ['30', '30 days'],
  ['90', '90 days'],
  ['month', 'This month'],
] as const;

/** What was spent: a chart of the days, the same as a table, budgets, and what caches saved. */
export function Page({ place: { query } }: PageProps) {
  const by: Part = PARTS.find((part) => part === query.get('by')) ?? 'model';
  const now = today(Date.now());
  const range = query.get('range') ?? '30';
  const [from, to] = [query.get('from'), query.get('to')];
  const days: Days =
    from && to && from <= to ? { from, to } : range === 'month' ? monthOf(now) : lastDays(Number(range) || 30, now);
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  const asked = new URLSearchParams({ ...days, timeZone });
  const perDay = usePolled<Spend>(`/v1/spend?${asked}&by=day,${by}&limit=10000`);
  const address = (more: Record<string, string | undefined>) => {
    const next = new URLSearchParams(query);
    for (const [name, value] of Object.entries(more)) {
      if (value === undefined) next.delete(name);
      else next.set(name, value);
    }
    return `/spend${next.size > 0 ? `?${next}` : ''}`;
  };
  const spend = perDay.value.value;
  const total = spend?.total;
  const list = spend ? daysIn(spend) : [];
  const series = spend ? stacked(spend.lines, by, list) : [];
  const problem = perDay.problem.value;
  return (
    <div class="page spend-page">
      <header class="page-head">
        <h1>Spend</h1>
        <form class="range" aria-label="Days">
          <div class="segments">
            {RANGES.map(([value, name]) => (
              <a
                key={value}
                class="segment"
                href={address({ range: value, from: undefined, to: undefined })}
                aria-current={!from && range === value ? 'true' : undefined}
              >
                <span>{name}</span>
              </a>
            ))}
          </div>
          <span class="range-days">
            <label>
              <span class="unseen">First day</span>
              <input
                type="date"
                value={days.from}
                max={days.to}
                onChange={({ currentTarget }) =>
                  go(address({ from: currentTarget.value, to: days.to }), { replace: true })
                }
              />
            </label>
            <span class="quiet">to</span>
            <label>
              <span class="unseen">Last day</span>
              <input
                type="date"
                value={days.to}
                min={days.from}
                max={now}
                onChange={({ currentTarget }) =>
                  go(address({ from: days.from, to: currentTarget.value }), { replace: true })
                }
              />
            </label>
          </span>
        </form>
      </header>
      {problem && <ProblemNote problem={problem} onRetry={perDay.refresh} />}
      {total && <Totals total={total} />}
      {total && total.calls + total.cachedAnswers === 0 ? (
        <div class="empty">
          <h2>Nothing was spent in these days</h2>
          <p class="quiet">Every call of a model is booked here, with what the provider says it used.</p>
        </div>
      ) : (
        spend && (
          <section class="panel chart-panel" aria-label="Cost by day">
            <nav class="segments" aria-label="Told apart by">
              {PARTS.map((part) => (
                <a
                  key={part}
                  class="segment"
                  href={address({ by: part })}
                  aria-current={part === by ? 'true' : undefined}
                >
                  <span>{NAMES[part]}</span>
                </a>
              ))}
            </nav>
            <StackedBars days={list} series={series} describedBy="spend-table" />
          </section>
        )
      )}
      {spend && spend.lines.length > 0 && <PartTable spend={spend} by={by} />}
      {spend && spend.lines.length > 0 && <DayTable spend={spend} days={list} />}
      <BudgetBars />
      <p class="quiet small">
        Days begin and end in {timeZone.replaceAll('_', ' ')}. Savings of batches are not told: there are no batches
        yet.
      </p>
    </div>
  );
}

function Totals({ total }: { total: Spend['total'] }) {
  const tokens = total.inputTokens + total.outputTokens;
  const saved = total.savedByCacheUsd + total.savedByProviderUsd + total.savedByBatchUsd;
  const unsure = [
    ...(total.unpriced > 0 ? [`${count(total.unpriced)} calls have no known price`] : []),
    ...(total.estimated > 0 ? [`${usd(total.estimatedUsd)} in ${count(total.estimated)} calls is estimated`] : []),
  ];
  return (
    <dl class="totals figures">
      <div>
        <dt>Spent</dt>
        <dd>{usd(total.costUsd)}</dd>
        {unsure.length > 0 && <dd class="small quiet">{unsure.join('; ')}</dd>}
      </div>
      <div>
        <dt>Calls</dt>
        <dd>{count(total.calls)}</dd>
        <dd class="small quiet">{count(total.cachedAnswers)} more were there already</dd>
      </div>
      <div>
        <dt>Tokens</dt>
        <dd>{count(tokens)}</dd>
        <dd class="small quiet">
          {count(total.inputTokens)} in, {count(total.outputTokens)} out
          {total.reasoningTokens > 0 && `, ${count(total.reasoningTokens)} of thoughts`}
        </dd>
      </div>
      <div>
        <dt>Saved by caches and batches</dt>
        <dd class="saved">{usd(Math.max(0, saved))}</dd>
        <dd class="small quiet">
          {usd(total.savedByCacheUsd)} by answers that were there, {usd(total.savedByProviderUsd)} by providers’ own,{' '}
          {usd(total.savedByBatchUsd)} by batches
          {total.savedUnknown > 0 && `; of ${count(total.savedUnknown)} answers it is not known`}
        </dd>
      </div>
    </dl>
  );
}

function PartTable({ spend, by }: { spend: Spend; by: Part }) {
  const parts = byPart(spend.lines, by);
  const shown = parts.slice(0, PARTS_SHOWN);
  const more = parts.length - shown.length;
  const most = Math.max(...parts.map(({ costUsd }) => costUsd), 0);
  return (
    <section aria-labelledby="by-part">
      <h2 id="by-part">By {NAMES[by].toLowerCase()}</h2>
      <Scrolled name="Figures">
        <table id="spend-table" class="small">
          <thead>
            <tr>
              <th scope="col">{NAMES[by]}</th>
              <Heads />
            </tr>
          </thead>
          <tbody>
            {shown.map((line) => (
              <tr key={line[by] ?? ''}>
                <th scope="row">
                  {line[by] ?? <span class="quiet">none</span>}
                  <span
                    class="share"
                    aria-hidden="true"
                    style={{ width: `${most === 0 ? 0 : (line.costUsd / most) * 100}%` }}
                  />
                </th>
                <Cells sums={line} />
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row">In all</th>
              <Cells sums={spend.total} />
            </tr>
          </tfoot>
        </table>
      </Scrolled>
      {more > 0 && <p class="quiet small">{count(more)} that cost less are not shown.</p>}
      {spend.leftOut !== undefined && (
        <p class="quiet small">What cost least on its day is in the total alone: {count(spend.leftOut)} lines.</p>
      )}
    </section>
  );
}

const COLUMNS: [name: string, value: (sums: Spend['total']) => string][] = [
  ['Cost', ({ costUsd, calls, unpriced }) => (calls > 0 && calls === unpriced ? '–' : usd(costUsd))],
  ['Calls', ({ calls }) => count(calls)],
  ['Input', ({ inputTokens }) => count(inputTokens)],
  ['of it cached', ({ cachedInputTokens }) => count(cachedInputTokens)],
  ['Output', ({ outputTokens }) => count(outputTokens)],
  ['Cached answers', ({ cachedAnswers }) => count(cachedAnswers)],
  [
    'Saved',
    ({ savedByCacheUsd, savedByProviderUsd, savedByBatchUsd }) =>
      usd(Math.max(0, savedByCacheUsd + savedByProviderUsd + savedByBatchUsd)),
  ],
];

function Heads() {
  return (
    <>
      {COLUMNS.map(([name]) => (
        <th key={name} scope="col" class="number">
          {name}
        </th>
      ))}
    </>
  );
}

function Cells({ sums }: { sums: Spend['total'] }) {
  return (
    <>
      {COLUMNS.map(([name, value]) => (
        <td key={name} class="number figures">
          {value(sums)}
        </td>
      ))}
    </>
  );
}

/** The chart as numbers. */
function DayTable({ spend, days }: { spend: Spend; days: readonly string[] }) {
  const byDay = Map.groupBy(spend.lines, ({ day }) => day);
  const sums = (lines: SpendLine[], name: 'costUsd' | 'calls') => lines.reduce((sum, line) => sum + line[name], 0);
  return (
    <details>
      <summary>Day by day, as a table</summary>
      <Scrolled name="Days">
        <table class="small">
          <TableHead words={['Day']} numbers={['Cost', 'Calls']} />
          <tbody>
            {days.toReversed().map((day) => {
              const lines = byDay.get(day) ?? [];
              return (
                <tr key={day}>
                  <th scope="row">{shortDay(day)}</th>
                  <td class="number figures">{usd(sums(lines, 'costUsd'))}</td>
                  <td class="number figures">{count(sums(lines, 'calls'))}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scrolled>
    </details>
  );
}
