import { type Signal, useComputed } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Bill, CallError, Verdict } from '../../contract/index.ts';
import { Markdown } from '../markdown/markdown.tsx';
import { useFollowedEnd } from '../parts/followed-end.ts';
import { Icon } from '../parts/icon.tsx';
import { ModelName } from '../parts/model-name.tsx';
import { ErrorNote } from '../parts/problem-note.tsx';
import { CallFacts } from '../run/call-facts.tsx';
import { costOfStep } from '../run/cost.ts';
import { answerOf, hasEnded, type RunView } from '../run/run-view.ts';
import { announce } from '../shell/announcer.tsx';
import type { Votes } from './comparisons.ts';

interface ColumnProps {
  view: Signal<RunView>;
  bill: Signal<Bill | undefined>;
  model: string;
  /** which of the colours is its own, from 1 */
  voice: number;
  verdict: Verdict | undefined;
  votes: Votes;
  onStop(model: string): void;
  onRetry(model: string): void;
  onVote(model: string | null): void;
}

/** What one model says, with what it takes and costs. */
export function Column({ view, bill, model, voice, verdict, votes, onStop, onRetry, onVote }: ColumnProps) {
  // A token in one column draws this column alone.
  const step = useComputed(() => view.value.steps.get(model));
  const call = useComputed(() => answerOf(view.value, model));
  const isOver = useComputed(() => hasEnded(view.value));
  const { state = 'running', error } = step.value ?? {};
  const isOpen = state === 'running' && !isOver.value;
  const { text = '', reasoning = '', state: said } = call.value ?? {};
  const body = useFollowedEnd<HTMLDivElement>(text.length + reasoning.length, call.value?.lastAt);
  const wasCut = !isOpen && state !== 'done';
  const cost = isOpen ? undefined : costOfStep(view.peek(), model, bill.value);
  const score = verdict?.scores.find((one) => one.model === model);
  const isBest = verdict?.best === model && !verdict.tied;
  const mine = votes.yours === model;
  useEffect(() => {
    if (said === 'done') announce(`${model} has answered`);
  }, [said]);
  return (
    <article class={`column voice-${voice}${isBest ? ' best' : ''}`} aria-label={model} aria-busy={isOpen}>
      <header>
        <h2>
          <ModelName id={model} />
        </h2>
        {score && (
          <span class={isBest ? 'tag good' : 'tag'} title={score.reason}>
            {isBest && <Icon name="judge" />}
            {Math.round(score.score * 100)}
            <span class="unseen"> of 100, says the judge</span>
          </span>
        )}
        <span class="column-acts">
          {isOpen ? (
            <button
              type="button"
              class="button icon-only small quiet"
              aria-label={`Stop ${model}`}
              title="Stop this one"
              onClick={() => onStop(model)}
            >
              <Icon name="stop" filled />
            </button>
          ) : (
            <button
              type="button"
              class="button icon-only small quiet"
              aria-label={`Ask ${model} again`}
              title="Ask this one again; the others stay"
              onClick={() => onRetry(model)}
            >
              <Icon name="retry" />
            </button>
          )}
        </span>
        <CallFacts call={call.value} isOpen={isOpen} cost={cost} />
      </header>
      <section class="column-body" ref={body} tabIndex={0} aria-label={`What ${model} says`}>
        {reasoning !== '' && (
          <details class="reasoning" open={text === ''}>
            <summary>Thinking</summary>
            <p>{reasoning}</p>
          </details>
        )}
        {text !== '' && <Markdown text={text} isGrowing={isOpen} />}
        {text === '' && isOpen && <Waiting />}
        {isOpen && call.value?.error && <p class="note small">{retryNote(call.value.error)}</p>}
        {wasCut && <Cut error={error} hasText={text !== ''} />}
      </section>
      <footer>
        <button
          type="button"
          class="button small quiet"
          aria-pressed={mine}
          disabled={isOpen || text === ''}
          onClick={() => onVote(mine ? null : model)}
        >
          <Icon name="star" filled={mine} /> {mine ? 'Your choice' : 'Best answer'}
        </button>
        {(votes.votes[model] ?? 0) > (mine ? 1 : 0) && (
          <span class="quiet small figures">{votes.votes[model]} votes</span>
        )}
      </footer>
    </article>
  );
}

function Waiting() {
  return (
    <p class="waiting" aria-hidden="true">
      <i />
      <i />
      <i />
    </p>
  );
}

function Cut({ error, hasText }: { error: CallError | undefined; hasText: boolean }) {
  if (error === undefined || error.type === 'Cancelled') {
    return <p class="note small">{hasText ? 'Stopped here.' : 'Stopped before it said anything.'}</p>;
  }
  return <ErrorNote error={error} />;
}

function retryNote({ type, message }: CallError): string {
  return `${type}: ${message} It is asked again.`;
}
