import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { type Problem, problemOfError } from '../api/request.ts';
import { Icon } from '../parts/icon.tsx';
import { ModelPicker } from '../parts/model-picker.tsx';
import { ModelSelect } from '../parts/model-select.tsx';
import { ProblemNote } from '../parts/problem-note.tsx';
import { announce } from '../shell/announcer.tsx';
import { type Draft, MOST_MODELS, pictureAddress } from './comparisons.ts';
import { picturesOf } from './pictures.ts';

interface ComposerProps {
  draft: Draft;
  onChange(draft: Draft): void;
  /** @throws what is then shown */
  onRun(draft: Draft): Promise<void>;
}

/** What to ask, with images, and whom. */
export function Composer({ draft, onChange, onRun }: ComposerProps) {
  const text = useRef<HTMLTextAreaElement>(null);
  const files = useRef<HTMLInputElement>(null);
  const isBusy = useSignal(false);
  const problem = useSignal<Problem | undefined>(undefined);
  const isDropping = useSignal(false);
  const { prompt, pictures, models, judge, merge } = draft;
  const missing =
    prompt.trim() === '' ? 'Write a question' : models.length < 2 ? 'Choose at least two models' : undefined;

  useEffect(() => text.current?.focus(), []);
  const run = async () => {
    if (missing !== undefined || isBusy.value) return;
    isBusy.value = true;
    problem.value = undefined;
    try {
      await onRun(draft);
    } catch (error) {
      problem.value = problemOfError(error);
    }
    isBusy.value = false;
  };
  const addFiles = async (given: Iterable<File>) => {
    const added = await picturesOf(given);
    if (added.length === 0) return;
    onChange({ ...draft, pictures: [...pictures, ...added] });
    announce(added.length === 1 ? 'Image added' : `${added.length} images added`);
  };

  return (
    <form
      class={isDropping.value ? 'composer panel dropping' : 'composer panel'}
      aria-label="New comparison"
      onSubmit={(event) => {
        event.preventDefault();
        void run();
      }}
      onDragOver={(event) => {
        event.preventDefault();
        isDropping.value = true;
      }}
      onDragLeave={() => (isDropping.value = false)}
      onDrop={(event) => {
        event.preventDefault();
        isDropping.value = false;
        void addFiles(event.dataTransfer?.files ?? []);
      }}
    >
      <textarea
        ref={text}
        rows={4}
        aria-label="Question"
        placeholder="What do you want to know? Markdown and images are welcome."
        value={prompt}
        onInput={(event) => onChange({ ...draft, prompt: event.currentTarget.value })}
        onPaste={(event) => {
          const pasted = event.clipboardData?.files;
          if (!pasted?.length) return;
          event.preventDefault();
          void addFiles(pasted);
        }}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
          event.preventDefault();
          void run();
        }}
      />
      {pictures.length > 0 && (
        <ul class="thumbs" aria-label="Images">
          {pictures.map((picture, index) => (
            <li key={index}>
              <img src={pictureAddress(picture)} alt={`${index + 1} of ${pictures.length}`} />
              <button
                type="button"
                aria-label={`Remove image ${index + 1}`}
                onClick={() => onChange({ ...draft, pictures: pictures.filter((_, at) => at !== index) })}
              >
                <Icon name="close" />
              </button>
            </li>
          ))}
        </ul>
      )}
      <ModelPicker chosen={models} most={MOST_MODELS} onChange={(chosen) => onChange({ ...draft, models: chosen })} />
      <div class="composer-foot">
        <input
          ref={files}
          type="file"
          hidden
          multiple
          accept="image/png,image/jpeg,image/gif,image/webp"
          onChange={(event) => {
            void addFiles(event.currentTarget.files ?? []);
            event.currentTarget.value = '';
          }}
        />
        <button type="button" class="button small quiet" onClick={() => files.current?.click()}>
          <Icon name="image" /> Image
        </button>
        <ModelSelect
          label="Judge"
          none="nobody"
          value={judge}
          first={models}
          onChange={(id) => onChange({ ...draft, judge: id })}
        />
        <ModelSelect
          label="Merge"
          none="no"
          value={merge}
          first={models}
          onChange={(id) => onChange({ ...draft, merge: id })}
        />
        <button type="submit" class="button primary" disabled={missing !== undefined || isBusy.value} title={missing}>
          Compare <kbd>Ctrl ↵</kbd>
        </button>
      </div>
      {problem.value && <ProblemNote problem={problem.value} />}
    </form>
  );
}
