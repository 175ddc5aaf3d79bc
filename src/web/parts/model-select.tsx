import { useEffect } from 'preact/hooks';
import { loadModels, models } from '../api/models.ts';

interface ModelSelectProps {
  label: string;
  /** what stands for none; left out, one must be chosen */
  none?: string;
  value: string | undefined;
  /** listed first */
  first?: string[];
  onChange(id: string | undefined): void;
}

/** One model of all that are known. */
export function ModelSelect({ label, none, value, first = [], onChange }: ModelSelectProps) {
  useEffect(() => void loadModels(), []);
  const known = new Set([...first, ...(models.value ?? []).map(({ id }) => id)]);
  const own = value === undefined || known.has(value) ? first : [value, ...first];
  const others = (models.value ?? []).filter(({ id }) => !first.includes(id));
  const groups = [...new Set(others.map(({ group }) => group))];
  return (
    <label class="inline-field">
      <span>{label}</span>
      <select value={value ?? ''} onChange={(event) => onChange(event.currentTarget.value || undefined)}>
        {none !== undefined && <option value="">{none}</option>}
        {own.map((id) => (
          <option key={id} value={id}>
            {id}
          </option>
        ))}
        {groups.map((group) => (
          <optgroup key={group} label={group}>
            {others
              .filter((one) => one.group === group)
              .map(({ id }) => (
                <option key={id} value={id}>
                  {id}
                </option>
              ))}
          </optgroup>
        ))}
      </select>
    </label>
  );
}
