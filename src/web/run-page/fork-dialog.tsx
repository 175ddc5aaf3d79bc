import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { ForkEstimate } from '../../contract/index.ts';
import { loadModels, models } from '../api/models.ts';
import { type Problem, problemOfError, request } from '../api/request.ts';
import { Dialog } from '../parts/dialog.tsx';
import { usd } from '../parts/figures.ts';
import { ProblemNote } from '../parts/problem-note.tsx';
import { go } from '../shell/router.ts';

/** A pause in typing, after which the price is asked for, ms. */
const PAUSE_MS = 350;

interface ForkDialogProps {
  id: string;
  /** in the order they began */
  steps: readonly string[];
  /** the step it begins at; undefined: it is closed */
  from: string | undefined;
  onFrom(step: string): void;
  onClose(): void;
}

/** Runs again from a step on: first what that would cost, then the run. */
export function ForkDialog({ id, steps, from, onFrom, onClose }: ForkDialogProps) {
  const model = useSignal('');
  const prompt = useSignal('');
  const first = useRef<HTMLSelectElement>(null);
  const price = useSignal<ForkEstimate | undefined>(undefined);
  const problem = useSignal<Problem | undefined>(undefined);
  const isStarting = useSignal(false);
  const path = `/v1/runs/${encodeURIComponent(id)}/fork`;
  const overrides = {
    ...(model.value !== '' && { policy: { candidates: [model.value] } }),
    ...(prompt.value.trim() !== '' && { prompt: prompt.value }),
  };
  const asked = { fromStep: from, ...(Object.keys(overrides).length > 0 && { overrides }) };

  useEffect(() => void (from !== undefined && loadModels()), [from]);
  useEffect(() => {
    price.value = undefined;
    problem.value = undefined;
    if (from === undefined) return;
    const leaving = new AbortController();
    const timer = setTimeout(() => {
      request<ForkEstimate>(path, { method: 'POST', body: { ...asked, dryRun: true }, signal: leaving.signal }).then(
        (estimate) => {
          price.value = estimate;
        },
        (error) => {
          if (!leaving.signal.aborted) problem.value = problemOfError(error);
        },
      );
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      leaving.abort();
    };
  }, [from, model.value, prompt.value]);

  async function start(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    isStarting.value = true;
    try {
      const run = await request<{ id: string }>(path, { method: 'POST', body: asked });
      onClose();
      go(`/runs/${encodeURIComponent(run.id)}`);
    } catch (error) {
      problem.value = problemOfError(error);
    }
    isStarting.value = false;
  }

  const estimate = price.value;
  return (
    <Dialog title="Fork this run" isOpen={from !== undefined} onClose={onClose} focus={first}>
      <form class="stack fork" onSubmit={start}>
        <p class="quiet">
          The steps before are taken from this run, for free. The one it begins at may ask another model, or something
          else; those after it are asked anew.
        </p>
        <label class="field">
          <span>From the step</span>
          <select ref={first} value={from} onChange={({ currentTarget }) => onFrom(currentTarget.value)}>
            {steps.map((step) => (
              <option key={step}>{step}</option>
            ))}
          </select>
        </label>
        <label class="field">
          <span>
            Model <span class="quiet">as before, if left empty</span>
          </span>
          <input
            list="fork-models"
            placeholder="provider/model"
            value={model.value}
            onInput={({ currentTarget }) => {
              model.value = currentTarget.value.trim();
            }}
          />
        </label>
        <datalist id="fork-models">
          {(models.value ?? []).map(({ id: known }) => (
            <option key={known} value={known} />
          ))}
        </datalist>
        <label class="field">
          <span>
            Prompt <span class="quiet">as before, if left empty</span>
          </span>
          <textarea
            rows={3}
            value={prompt.value}
            onInput={({ currentTarget }) => {
              prompt.value = currentTarget.value;
            }}
          />
        </label>
        <div class="fork-price" role="status">
          {problem.value ? (
            <ProblemNote problem={problem.value} />
          ) : estimate ? (
            <Price estimate={estimate} />
          ) : (
            <p class="quiet">Asking what it would cost…</p>
          )}
        </div>
        <button class="button primary" type="submit" disabled={!estimate || isStarting.value}>
          {isStarting.value
            ? 'Starting…'
            : estimate?.estimateUsd
              ? `Fork for about ${usd(estimate.estimateUsd)}`
              : 'Fork'}
        </button>
      </form>
    </Dialog>
  );
}

function Price({ estimate: { estimateUsd, lowUsd, highUsd, steps } }: { estimate: ForkEstimate }) {
  if (steps.length === 0 && estimateUsd !== null)
    return <p class="quiet">No call is asked anew, as far as is known.</p>;
  return (
    <>
      <p class="figures">
        <strong>{estimateUsd === null ? 'Its price is not known' : `About ${usd(estimateUsd)}`}</strong>
        {lowUsd !== null && highUsd !== null && (
          <span class="quiet">{` likely ${usd(lowUsd)} to ${usd(highUsd)}`}</span>
        )}
      </p>
      <ul class="fork-steps small">
        {steps.slice(0, 8).map(({ step, model, estimateUsd: cost }, n) => (
          <li key={n}>
            <span>{step}</span> <span class="quiet">{model}</span> <span class="figures">{usd(cost)}</span>
          </li>
        ))}
        {steps.length > 8 && <li class="quiet">and {steps.length - 8} more calls</li>}
      </ul>
    </>
  );
}
