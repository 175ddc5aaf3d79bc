import type { CallError } from '../../contract/index.ts';
import { Markdown } from '../markdown/markdown.tsx';
import { count, duration, usd } from '../parts/figures.ts';
import { Icon } from '../parts/icon.tsx';
import type { RunView } from '../run/run-view.ts';
import type { Row, TimelineCall } from './waterfall-rows.ts';

interface StepDetailProps {
  row: Row;
  view: RunView;
  onClose(): void;
  /** undefined where the run cannot be forked there */
  onFork?(step: string): void;
}

/** All that is known of one line of the waterfall: figures, attempts, errors, and what was said. */
export function StepDetail({ row, view, onClose, onFork }: StepDetailProps) {
  const { step, call } = row;
  return (
    <section class="step-detail panel" aria-label={`Details of ${row.name}`}>
      <header>
        <div>
          <h2>{row.name}</h2>
          {call && <p class="quiet small">{call.model}</p>}
        </div>
        <div class="step-detail-actions">
          {onFork && (
            <button type="button" class="button small" onClick={() => onFork(step.step)}>
              <Icon name="fork" /> Fork from here
            </button>
          )}
          <button type="button" class="button icon-only quiet small" aria-label="Close the details" onClick={onClose}>
            <Icon name="close" />
          </button>
        </div>
      </header>
      <Facts row={row} />
      {step.run !== undefined && (
        <p>
          Done by the run <a href={`/runs/${encodeURIComponent(step.run)}`}>{step.run}</a>
        </p>
      )}
      {step.error && <ErrorNote error={step.error} />}
      {call?.fallback && (
        <p class="small">
          Asked instead of <code>{call.fallback.from}</code>, which ended with {call.fallback.error.type}.
        </p>
      )}
      {call?.hedgeOf && (
        <p class="small">
          Asked beside <code>{call.hedgeOf}</code>, whose first token was late.
        </p>
      )}
      {call?.abandonedFor && (
        <p class="small">
          <code>{call.abandonedFor}</code> was quicker, so this answer was dropped.
        </p>
      )}
      {call?.eachAttempt ? (
        <Attempts call={call} />
      ) : (
        call?.errors.map((error) => <ErrorNote key={`${error.requestId} ${error.message}`} error={error} />)
      )}
      {call?.invalid !== undefined && (
        <ErrorNote error={{ type: 'InvalidOutput', message: `The answer was not taken: ${call.invalid}` }} />
      )}
      <ToolParts row={row} view={view} />
      <ApprovalParts row={row} view={view} />
      {call ? (
        <Said id={call.call} view={view} />
      ) : (
        row.kind === 'step' && step.calls.length > 0 && <p class="quiet small">Its calls are the lines below it.</p>
      )}
    </section>
  );
}

function batchText({ id, calls, state }: NonNullable<NonNullable<Row['call']>['batch']>): string {
  if (state === 'gathering') return 'waits for others to share one with';
  const which = `${id ?? ''} of ${count(calls ?? 1)}`;
  return state === 'left' ? `${which}, without an answer: asked by itself` : `${which}, ${state}`;
}

function Facts({ row }: { row: Row }) {
  const { call, startedAt, endedAt, costUsd, step } = row;
  const usage = call?.usage;
  const facts: [string, string | undefined][] = [
    ['Began', new Date(startedAt).toLocaleString()],
    ['Took', endedAt === undefined ? undefined : duration(endedAt - startedAt)],
    ['First token', call?.firstTokenMs === undefined || call.cached ? undefined : duration(call.firstTokenMs)],
    ['Speed', speedOf(call)],
    [
      'Input',
      usage &&
        `${count(usage.inputTokens)} tokens${usage.cachedInputTokens ? `, ${count(usage.cachedInputTokens)} cached by the provider` : ''}`,
    ],
    [
      'Output',
      usage &&
        `${count(usage.outputTokens)} tokens${usage.reasoningTokens ? `, ${count(usage.reasoningTokens)} of thoughts` : ''}`,
    ],
    ['Cost', call?.cached ? '$0, the answer was there already' : costUsd === undefined ? undefined : usd(costUsd)],
    ['Batch', call?.batch && batchText(call.batch)],
    ['Ended with', call?.finishReason],
    ['Agent', step.agent ?? step.tool?.agent],
    ['Done by', step.tool?.by],
  ];
  return (
    <dl class="fact-list">
      {facts.map(
        ([name, value]) =>
          value !== undefined && (
            <div key={name}>
              <dt>{name}</dt>
              <dd class="figures">{value}</dd>
            </div>
          ),
      )}
    </dl>
  );
}

function speedOf(call: TimelineCall | undefined): string | undefined {
  const { usage, firstTokenMs, totalMs, cached } = call ?? {};
  if (!usage || firstTokenMs === undefined || totalMs === undefined || cached) return undefined;
  const ms = totalMs - firstTokenMs;
  return ms < 50 ? undefined : `${Math.round((usage.outputTokens / ms) * 1_000)} tokens/s`;
}

function Attempts({ call }: { call: TimelineCall }) {
  const attempts = call.eachAttempt ?? [];
  return (
    <ol class="attempts" aria-label="Attempts">
      {attempts.map(({ startedAt, endedAt, error, costUsd, estimated }, n) => {
        const before = attempts[n - 1]?.endedAt;
        const waited = before === undefined ? 0 : Date.parse(startedAt) - Date.parse(before);
        const figures = [
          ...(endedAt === undefined ? [] : [duration(Math.max(0, Date.parse(endedAt) - Date.parse(startedAt)))]),
          ...(costUsd === undefined ? [] : [`${usd(costUsd)}${estimated ? ' estimated' : ''}`]),
        ];
        return (
          <li key={startedAt}>
            {waited > 0 && <p class="attempt-wait quiet small">waited {duration(waited)}</p>}
            <p class="attempt-line">
              <strong class={error ? 'wrong' : ''}>
                {error ? error.type : endedAt === undefined ? 'under way' : (call.finishReason ?? 'ended')}
              </strong>
              <span class="quiet figures">{figures.join(' · ')}</span>
            </p>
            {error && <p class="small">{error.message}</p>}
          </li>
        );
      })}
    </ol>
  );
}

export function ErrorNote({ error }: { error: CallError }) {
  return (
    <div class="note wrong">
      <Icon name="alert" />
      <div>
        <p>
          <strong>{error.type}</strong> {error.message}
        </p>
        {error.hint !== undefined && <p class="quiet">{error.hint}</p>}
      </div>
    </div>
  );
}

function ToolParts({ row, view }: { row: Row; view: RunView }) {
  if (row.kind !== 'tool') return undefined;
  const used = [...view.tools.values()].find(({ step }) => step === row.step.step);
  const error = row.step.tool?.error;
  return (
    <>
      {error && <ErrorNote error={error} />}
      {row.step.tool?.interrupted && <p class="note">A crash hid what became of it; the model was told so.</p>}
      {used?.arguments && <Json title="Arguments" value={used.arguments} />}
      {used?.result !== undefined && (
        <div>
          <h3>Result</h3>
          <pre class="code">{used.result}</pre>
        </div>
      )}
    </>
  );
}

function ApprovalParts({ row, view }: { row: Row; view: RunView }) {
  const { approval } = row.step;
  if (!approval) return undefined;
  const show = view.approvals.get(row.step.step)?.show;
  return (
    <>
      {approval.comment !== undefined && <blockquote>{approval.comment}</blockquote>}
      {show !== undefined && <Json title="What was shown" value={show} />}
    </>
  );
}

function Said({ id, view }: { id: string; view: RunView }) {
  const heard = view.calls.get(id);
  if (!heard) return undefined;
  const tools = [...view.tools.values()].filter((tool) => tool.step === heard.step && tool.argumentsText !== '');
  return (
    <div class="said-words">
      {heard.reasoning !== '' && (
        <details>
          <summary>Thoughts</summary>
          <Markdown text={heard.reasoning} isGrowing={heard.state === 'speaking'} />
        </details>
      )}
      {heard.text === '' ? (
        heard.state === 'waiting' && <p class="quiet small">Nothing was said yet.</p>
      ) : (
        <Markdown text={heard.text} isGrowing={heard.state === 'speaking'} />
      )}
      {tools.map(({ id: tool, tool: name, argumentsText }) => (
        <p key={tool} class="small">
          Asked for <code>{name}</code> <code class="quiet">{argumentsText}</code>
        </p>
      ))}
    </div>
  );
}

export function Json({ title, value, isOpen = true }: { title: string; value: unknown; isOpen?: boolean }) {
  return (
    <details open={isOpen} class="json">
      <summary>{title}</summary>
      <pre class="code" tabIndex={0}>
        {typeof value === 'string' ? value : JSON.stringify(value, null, 2)}
      </pre>
    </details>
  );
}
