import { useSignal } from '@preact/signals';
import type { Bill, RunInfo } from '../../contract/index.ts';
import { type Problem, problemOfError, request } from '../api/request.ts';
import type { StreamState } from '../api/run-events.ts';
import { useClock } from '../parts/clock.ts';
import { Dialog } from '../parts/dialog.tsx';
import { count, duration, usd } from '../parts/figures.ts';
import { Icon } from '../parts/icon.tsx';
import { ProblemNote } from '../parts/problem-note.tsx';
import { Status } from '../parts/status.tsx';
import { ComparedWith } from './comparison-section.tsx';

/** Agents among these end with what they have when they are told to stop. */
const WITH_AGENTS = ['agent', 'crew', 'plan'];

interface RunHeadProps {
  run: RunInfo;
  bill: Bill | undefined;
  stream: StreamState;
  onFork?(): void;
}

/** What a run is, how it goes, what it cost, and what can be done with it. */
export function RunHead({ run, bill, stream, onFork }: RunHeadProps) {
  const { id, pattern, promptHash, status, tenant, startedAt, endedAt, links = {}, metadata } = run;
  const isRunning = status === 'running';
  const now = useClock(isRunning);
  const problem = useSignal<Problem | undefined>(undefined);
  const asked = useSignal(false);
  const isChoosing = useSignal(false);
  const tookMs = Math.max(0, (endedAt === undefined ? now : Date.parse(endedAt)) - Date.parse(startedAt));
  const ends = WITH_AGENTS.includes(pattern);

  async function stop(): Promise<void> {
    problem.value = undefined;
    asked.value = true;
    try {
      await request(`/v1/runs/${encodeURIComponent(id)}/${ends ? 'stop' : 'cancel'}`, { method: 'POST' });
    } catch (error) {
      problem.value = problemOfError(error);
      asked.value = false;
    }
  }

  return (
    <header class="run-head">
      <p class="quiet small">
        <a href="/runs">Runs</a> / {pattern}
        {tenant !== undefined && ` / ${tenant}`}
      </p>
      <div class="run-title">
        <h1>{id}</h1>
        <span role="status">
          <Status status={status} />
        </span>
        {isRunning && stream === 'away' && <span class="tag warn">reconnecting</span>}
      </div>
      <dl class="run-figures figures">
        <Figure name="Cost" value={usd(bill ? bill.totalUsd : run.costUsd)} />
        <Figure name="Took" value={duration(tookMs)} />
        <Figure name="Tokens" value={bill ? `${count(bill.inputTokens)} in, ${count(bill.outputTokens)} out` : '–'} />
        <Figure name="Calls" value={bill ? count(bill.calls.length) : '–'} />
        <Figure name="Begun" value={new Date(startedAt).toLocaleString()} />
        {promptHash !== undefined && <Figure name="Prompt" value={promptHash.slice(0, 8)} />}
      </dl>
      <div class="run-actions">
        {isRunning && (
          <button type="button" class="button danger small" disabled={asked.value} onClick={stop}>
            <Icon name="stop" filled /> {asked.value ? 'Stopping…' : ends ? 'Stop with what it has' : 'Cancel'}
          </button>
        )}
        {onFork && (
          <button type="button" class="button small" onClick={onFork}>
            <Icon name="fork" /> Fork…
          </button>
        )}
        <button
          type="button"
          class="button small"
          onClick={() => {
            isChoosing.value = true;
          }}
        >
          <Icon name="columns" /> Compare…
        </button>
        <span class="run-links">
          {links.temporal !== undefined && <Out href={links.temporal} name="Temporal UI" />}
          <Out href={links.events ?? ''} name="Events" />
          <Out href={links.bill ?? ''} name="Bill" />
          <Out href={links.timeline ?? ''} name="Timeline" />
        </span>
      </div>
      {metadata && Object.keys(metadata).length > 0 && (
        <dl class="fact-list small">
          {Object.entries(metadata).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{typeof value === 'string' ? value : JSON.stringify(value)}</dd>
            </div>
          ))}
        </dl>
      )}
      {problem.value && <ProblemNote problem={problem.value} />}
      <Dialog
        title="Compare with"
        isOpen={isChoosing.value}
        onClose={() => {
          isChoosing.value = false;
        }}
      >
        <ComparedWith run={run} />
      </Dialog>
    </header>
  );
}

function Figure({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Out({ href, name }: { href: string; name: string }) {
  return (
    <a class="button quiet small" href={href} target="_blank" rel="noreferrer">
      {name} <Icon name="out" />
    </a>
  );
}
