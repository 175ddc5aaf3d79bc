import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { models } from '../api/models.ts';
import { ModelSelect } from '../parts/model-select.tsx';
import { knownAgents, type Partner } from './chats.ts';

/** Tools that come with Cadenza, and may do nothing outside that nobody is asked about. */
const TOOLS = ['calculator', 'code', 'fetch_page', 'web_search', 'files', 'ask_person'];

interface PartnerPickerProps {
  partner: Partner;
  onChange(partner: Partner): void;
}

/** A model with tools or without, or an agent of the config. */
export function PartnerPicker({ partner, onChange }: PartnerPickerProps) {
  const agents = useSignal<{ name: string; description?: string }[]>([]);
  const { model, tools, agent } = partner;
  useEffect(() => {
    knownAgents().then(
      (found) => {
        agents.value = found.filter(({ name }) => name !== 'default');
      },
      // Without the list there are models.
      () => {},
    );
  }, []);
  const toggle = (tool: string) =>
    onChange({ ...partner, tools: tools.includes(tool) ? tools.filter((one) => one !== tool) : [...tools, tool] });
  return (
    <div class="composer-foot">
      {agents.value.length > 0 && (
        <label class="inline-field">
          <span>With</span>
          <select
            value={agent ?? ''}
            onChange={({ currentTarget }) => onChange({ ...partner, agent: currentTarget.value || undefined })}
          >
            <option value="">a model</option>
            <optgroup label="Agents">
              {agents.value.map(({ name, description }) => (
                <option key={name} value={name} title={description}>
                  {name}
                </option>
              ))}
            </optgroup>
          </select>
        </label>
      )}
      {agent === undefined && (
        <>
          <ModelSelect
            label="Model"
            none="the default policy"
            value={model}
            first={model !== undefined && !models.value?.some(({ id }) => id === model) ? [model] : []}
            onChange={(id) => onChange({ ...partner, model: id })}
          />
          <fieldset class="tool-choice">
            <legend>Tools</legend>
            {TOOLS.map((tool) => (
              <button
                key={tool}
                type="button"
                class="button small quiet"
                aria-pressed={tools.includes(tool)}
                onClick={() => toggle(tool)}
              >
                {tool.replace('_', ' ')}
              </button>
            ))}
          </fieldset>
        </>
      )}
    </div>
  );
}
