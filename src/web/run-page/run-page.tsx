import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import type { Bill, PendingApproval, RunInfo } from '../../contract/index.ts';
import { ApprovalCard } from '../inbox/approval-card.tsx';
import { useClock } from '../parts/clock.ts';
import { usePolled } from '../parts/polled.ts';
import { ProblemNote } from '../parts/problem-note.tsx';
import { useLiveRun } from '../run/live-run.ts';
import { hasEnded } from '../run/run-view.ts';
import { useLateLines } from '../run/use-bill.ts';
import { announce } from '../shell/announcer.tsx';
import { useShortcuts } from '../shell/shortcuts.tsx';
import { BillSection } from './bill-section.tsx';
import { ComparisonSection } from './comparison-section.tsx';
import { ForkDialog } from './fork-dialog.tsx';
import { RunHead } from './run-head.tsx';
import { SaidSection } from './said-section.tsx';
import { ErrorNote, StepDetail } from './step-detail.tsx';
import { useTimeline } from './use-timeline.ts';
import { Waterfall } from './waterfall.tsx';
import { rowsOf } from './waterfall-rows.ts';

/** What events do not tell, such as the end of a run that was terminated, is looked for this often, ms. */
const LOOK_MS = 15_000;
/** Temporal closes a run a moment after its last event. */
const CLOSING_MS = 1_500;
/** What events tell of is asked for at most this often, ms: all that is asked here in a minute must leave an API key room. */
const GAP_MS = 10_000;
/** These have ways of their own to go on. */
const NOT_FORKED = ['map', 'conversation'];

/** One run: how it went and goes, what was said, what it cost, and what can be done with it. */
export function RunPage({ id, query }: { id: string; query: URLSearchParams }) {
  const path = `/v1/runs/${encodeURIComponent(id)}`;
  const live = useLiveRun(id);
  const view = live.view.value;
  const isClosed = useSignal(false);
  const isEnding = hasEnded(view);
  const lookMs = isEnding ? CLOSING_MS : LOOK_MS;
  const info = usePolled<RunInfo>(path, isClosed.value ? undefined : lookMs);
  const run = info.value.value;
  const isRunning = run === undefined || run.status === 'running';
  const liveMs = isRunning ? LOOK_MS : undefined;
  const billed = usePolled<Bill>(`${path}/bill`, liveMs, { with: isRunning && view.changedAt, gapMs: GAP_MS });
  useLateLines(billed, live.view);
  const bill = billed.value.value;
  const timeline = useTimeline(id, view.changedAt, isRunning);
  const open = [...view.approvals.values()].filter(({ decision }) => !decision).length;
  const approvals = { with: `${view.approvals.size} ${open}`, gapMs: 0 };
  const asks = usePolled<{ approvals: PendingApproval[] }>(`${path}/approvals`, liveMs, approvals);
  const chosen = useSignal<string | undefined>(undefined);
  const forkFrom = useSignal<string | undefined>(undefined);
  const answered = useSignal<string[]>([]);

  useEffect(() => {
    if (!run || run.status === 'running') return;
    if (!isClosed.peek() && view.seq > 0) announce(`The run is ${run.status}`);
    isClosed.value = true;
  }, [run?.status]);
  useEffect(() => {
    document.title = `${id} · Cadenza`;
  }, [id]);

  const now = useClock(isRunning);
  const steps = timeline.steps.value;
  const rows = useMemo(
    () => rowsOf(steps ?? [], isRunning ? now : undefined, (call) => view.calls.get(call)?.firstTokenAt),
    [steps, isRunning, isRunning ? now : 0],
  );
  const row = rows.find(({ key }) => key === chosen.value);
  const canFork = run !== undefined && !NOT_FORKED.includes(run.pattern) && steps !== undefined && steps.length > 0;
  const forkable = (steps ?? [])
    .filter(({ calls, run: sub }) => calls.length > 0 || sub !== undefined)
    .map(({ step }) => step);
  const openFork = () => {
    forkFrom.value = row && forkable.includes(row.step.step) ? row.step.step : forkable[0];
  };
  useShortcuts(canFork && forkable.length > 0 ? [{ keys: 'f', does: 'Fork this run', act: openFork }] : [], [
    canFork,
    forkable.length,
  ]);

  if (!run)
    return info.problem.value ? (
      <div class="page">
        <ProblemNote problem={info.problem.value} onRetry={info.refresh} />
      </div>
    ) : (
      <p class="unseen">Loading</p>
    );
  const other = query.get('with');
  const pending = (asks.value.value?.approvals ?? []).filter(({ approval }) => !answered.value.includes(approval));
  const whole = wholeOf(run, rows, now);
  return (
    <div class="page run-page">
      <RunHead
        run={run}
        bill={bill}
        stream={live.stream.value}
        onFork={canFork && forkable.length > 0 ? openFork : undefined}
      />
      {run.error && <ErrorNote error={run.error} />}
      {isRunning &&
        pending.map((approval) => (
          <ApprovalCard
            key={approval.approval}
            approval={approval}
            onAnswered={(receipt) => {
              answered.value = [...answered.value, receipt.approval];
            }}
          />
        ))}
      {other !== null && steps && <ComparisonSection run={run} steps={steps} other={other} />}
      <div class={row ? 'course with-detail' : 'course'}>
        <section aria-labelledby="course">
          <h2 id="course">What it did</h2>
          {timeline.problem.value && <ProblemNote problem={timeline.problem.value} />}
          {timeline.isPruned.value && <p class="note">It is so long ago that its calls are no longer kept.</p>}
          {timeline.isCut.value && <p class="note">Only its first steps are shown; the API has them all.</p>}
          {rows.length > 0 ? (
            <Waterfall
              rows={rows}
              whole={whole}
              chosen={chosen.value}
              onChoose={({ key }) => {
                chosen.value = chosen.value === key ? undefined : key;
              }}
            />
          ) : (
            steps && <p class="quiet">{isRunning ? 'It has begun no step yet.' : 'It had no steps.'}</p>
          )}
        </section>
        {row && (
          <StepDetail
            row={row}
            view={view}
            onClose={() => {
              chosen.value = undefined;
            }}
            onFork={
              canFork && forkable.includes(row.step.step)
                ? (step) => {
                    forkFrom.value = step;
                  }
                : undefined
            }
          />
        )}
        <SaidSection id={id} status={run.status} view={view} />
        {bill && bill.calls.length > 0 && <BillSection bill={bill} href={`${path}/bill`} />}
      </div>
      <ForkDialog
        id={id}
        steps={forkable}
        from={forkFrom.value}
        onFrom={(step) => {
          forkFrom.value = step;
        }}
        onClose={() => {
          forkFrom.value = undefined;
        }}
      />
    </div>
  );
}

function wholeOf({ startedAt, endedAt }: RunInfo, rows: ReturnType<typeof rowsOf>, now: number) {
  const from = Math.min(Date.parse(startedAt), ...rows.map((row) => row.startedAt));
  const to = endedAt === undefined ? now : Date.parse(endedAt);
  return { from, to: Math.max(to, from + 1, ...rows.map((row) => row.endedAt ?? 0)) };
}
