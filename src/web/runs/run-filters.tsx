import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { loadModels, models } from '../api/models.ts';
import { Icon } from '../parts/icon.tsx';
import { go } from '../shell/router.ts';
import { addressOf, isFiltered, type RunFilters } from './run-query.ts';

const STATUSES = ['running', 'completed', 'failed', 'cancelled'];
const PATTERNS = [
  ...['ask', 'compare', 'chain', 'map', 'council', 'best-of', 'conversation', 'agent', 'crew', 'debate', 'plan'],
  ...['ingest', 'answer'],
];
const WITHIN = { '': 'any time', '1h': 'the last hour', '1d': 'the last day', '7d': '7 days', '30d': '30 days' };
/** A pause in typing, after which it is looked for, ms. */
const PAUSE_MS = 300;

/** What is shown of the runs; it stands in the address, so that it can be sent to others and gone back to. */
export function RunFilterBar({ filters }: { filters: RunFilters }) {
  useEffect(() => void loadModels(), []);
  // What is typed, until it is looked for.
  const typed = useSignal<string | undefined>(undefined);
  const change = (more: Partial<RunFilters>) => {
    const text = typed.value?.trim() ?? filters.text;
    typed.value = undefined;
    go(addressOf({ ...filters, text, ...more }), { replace: true });
  };
  useEffect(() => {
    if (typed.value === undefined) return;
    const timer = setTimeout(() => change({}), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [typed.value]);
  // Gone to by a link, what is shown is not what was typed.
  const address = addressOf(filters);
  useEffect(() => {
    typed.value = undefined;
  }, [address]);
  const others = [filters.model, filters.tenant, filters.within, filters.minCostUsd].filter((one) => one !== '').length;
  return (
    <search class="run-filters">
      <fieldset class="segments">
        <legend class="unseen">Status</legend>
        {['', ...STATUSES].map((status) => (
          <label key={status} class="segment">
            <input
              type="radio"
              name="status"
              class="unseen"
              checked={filters.status === status}
              onChange={() => change({ status })}
            />
            <span>{status === '' ? 'all' : status}</span>
          </label>
        ))}
      </fieldset>
      <label class="run-search">
        <span class="unseen">Part of a run’s id</span>
        <Icon name="search" />
        <input
          type="search"
          id="run-search"
          placeholder="Part of a run’s id"
          value={typed.value ?? filters.text}
          onInput={({ currentTarget }) => {
            typed.value = currentTarget.value;
          }}
        />
      </label>
      <label class="inline-field">
        <span>Pattern</span>
        <select value={filters.pattern} onChange={({ currentTarget }) => change({ pattern: currentTarget.value })}>
          <option value="">any</option>
          {[...new Set([...PATTERNS, ...(filters.pattern === '' ? [] : [filters.pattern])])].map((pattern) => (
            <option key={pattern}>{pattern}</option>
          ))}
        </select>
      </label>
      <details class="more-filters" open={others > 0}>
        <summary class="button quiet small">
          More{others > 0 && ` · ${others}`}
          <Icon name="chevron" />
        </summary>
        <div class="more-filter-fields">
          <label class="inline-field">
            <span>Begun within</span>
            <select value={filters.within} onChange={({ currentTarget }) => change({ within: currentTarget.value })}>
              {Object.entries(WITHIN).map(([value, name]) => (
                <option key={value} value={value}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <label class="inline-field">
            <span>Model</span>
            <input
              list="known-models"
              value={filters.model}
              placeholder="provider/model"
              onChange={({ currentTarget }) => change({ model: currentTarget.value.trim() })}
            />
          </label>
          <datalist id="known-models">
            {(models.value ?? [])
              .filter(({ id }) => id.includes('/'))
              .map(({ id }) => (
                <option key={id} value={id} />
              ))}
          </datalist>
          <label class="inline-field">
            <span>Tenant</span>
            <input
              value={filters.tenant}
              onChange={({ currentTarget }) => change({ tenant: currentTarget.value.trim() })}
            />
          </label>
          <label class="inline-field">
            <span>Cost from, $</span>
            <input
              type="number"
              min="0"
              step="any"
              inputMode="decimal"
              value={filters.minCostUsd}
              onChange={({ currentTarget }) => change({ minCostUsd: currentTarget.value })}
            />
          </label>
        </div>
      </details>
      {isFiltered(filters) && (
        <a class="button quiet small" href="/runs">
          Clear
        </a>
      )}
    </search>
  );
}
