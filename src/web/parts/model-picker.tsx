import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';
import { loadModels, models, modelsProblem, priceOf } from '../api/models.ts';
import { usd } from './figures.ts';
import { Icon } from './icon.tsx';
import { ModelName } from './model-name.tsx';

interface ModelPickerProps {
  chosen: string[];
  most: number;
  onChange(chosen: string[]): void;
}

/** Models as chips, and a list to search for more. */
export function ModelPicker({ chosen, most, onChange }: ModelPickerProps) {
  const isOpen = useSignal(false);
  const box = useRef<HTMLDivElement>(null);
  const add = useRef<HTMLButtonElement>(null);
  const close = () => {
    isOpen.value = false;
    add.current?.focus();
  };
  useEffect(() => {
    void loadModels();
    const onOutside = ({ target }: Event) => {
      if (!box.current?.contains(target as Node)) isOpen.value = false;
    };
    document.addEventListener('pointerdown', onOutside);
    return () => document.removeEventListener('pointerdown', onOutside);
  }, []);
  const toggle = (id: string) => {
    if (chosen.includes(id)) onChange(chosen.filter((one) => one !== id));
    else if (chosen.length < most) onChange([...chosen, id]);
  };
  return (
    <div class="picker" ref={box}>
      <ul class="chips" aria-label="Models">
        {chosen.map((id, index) => (
          <li key={id} class={`chip voice-${index + 1}`}>
            <ModelName id={id} />
            <button type="button" aria-label={`Remove ${id}`} onClick={() => toggle(id)}>
              <Icon name="close" />
            </button>
          </li>
        ))}
        <li>
          <button
            ref={add}
            type="button"
            class="button small quiet"
            aria-expanded={isOpen.value}
            disabled={chosen.length >= most}
            onClick={() => (isOpen.value = !isOpen.value)}
          >
            <Icon name="add" />
            {chosen.length === 0 ? 'Choose models' : 'Add'}
          </button>
        </li>
      </ul>
      {isOpen.value && <Search chosen={chosen} most={most} onToggle={toggle} onClose={close} />}
    </div>
  );
}

/** What a million tokens cost, in and out. */
function Prices({ id }: { id: string }) {
  const price = priceOf(id);
  if (!price) return null;
  return (
    <span class="prices figures" title="USD of a million tokens">
      {usd(price.input)} in, {usd(price.output)} out
    </span>
  );
}

interface SearchProps {
  chosen: string[];
  most: number;
  onToggle(id: string): void;
  onClose(): void;
}

function Search({ chosen, most, onToggle, onClose }: SearchProps) {
  const list = useId();
  const query = useSignal('');
  const at = useSignal(0);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  const found = useComputed(() => {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    // A policy may ask one model after the other: it is no column.
    const all = (models.value ?? []).flatMap(({ id }) => (id.includes('/') ? [id] : []));
    const matching = all.filter((id) => words.every((word) => id.toLowerCase().includes(word)));
    const own = query.value.trim();
    // A model the provider does not list may be there all the same.
    return own.includes('/') && !all.includes(own) ? [...matching, own] : matching;
  });
  const onKeyDown = (event: KeyboardEvent) => {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === 'Escape') onClose();
    else if (event.key === 'Enter') {
      const id = found.value[at.value];
      if (id !== undefined) onToggle(id);
    } else if (move !== undefined) {
      at.value = Math.min(Math.max(at.value + move, 0), Math.max(found.value.length - 1, 0));
      document.getElementById(`${list}-${at.value}`)?.scrollIntoView({ block: 'nearest' });
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="picker-list panel">
      <input
        ref={input}
        type="text"
        role="combobox"
        aria-label="Search models"
        aria-expanded="true"
        aria-controls={list}
        aria-activedescendant={found.value.length > 0 ? `${list}-${at.value}` : undefined}
        placeholder="Search models, or write provider/model"
        autocomplete="off"
        spellcheck={false}
        value={query}
        onInput={(event) => {
          query.value = event.currentTarget.value;
          at.value = 0;
        }}
        onKeyDown={onKeyDown}
      />
      <div role="listbox" id={list} aria-label="Models" aria-multiselectable="true" tabIndex={-1}>
        {found.value.map((id, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are the search field's, as in every combobox
          <div
            key={id}
            id={`${list}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={chosen.includes(id)}
            aria-disabled={!chosen.includes(id) && chosen.length >= most}
            class={index === at.value ? 'at' : undefined}
            onPointerMove={() => (at.value = index)}
            onClick={() => onToggle(id)}
          >
            <ModelName id={id} />
            <Prices id={id} />
            {chosen.includes(id) && <Icon name="check" />}
          </div>
        ))}
      </div>
      {found.value.length === 0 && (
        <p class="quiet small">
          {modelsProblem.value
            ? modelsProblem.value.detail
            : models.value
              ? 'None is called so. Write provider/model.'
              : 'Loading …'}
        </p>
      )}
    </div>
  );
}
