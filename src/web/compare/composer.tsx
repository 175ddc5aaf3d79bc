import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { type Problem, problemOfError } from '../api/request.ts';
import { Icon } from '../parts/icon.tsx';
import { ModelPicker } from '../parts/model-picker.tsx';
import { ModelSelect } from '../parts/model-select.tsx';
import { ProblemNote } from '../parts/problem-note.tsx';
import { announce } from '../shell/announcer.tsx';
import { type Draft, type Kept, MOST_MODELS, pictureAddress } from './comparisons.ts';
import { picturesOf } from './pictures.ts';

interface ComposerProps {
  draft: Signal<Draft>;
  onChange(more: Partial<Draft>): void;
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
  const preparing = useSignal(0);
  const { prompt, pictures, models, judge, merge, kept } = draft.value;
  const missing = missingIn(draft.value) ?? (preparing.value > 0 ? 'An image is being prepared' : undefined);

  useEffect(() => text.current?.focus(), []);
  const run = async () => {
    if (missing !== undefined || isBusy.value) return;
    isBusy.value = true;
    problem.value = undefined;
    try {
      await onRun(draft.value);
    } catch (error) {
      problem.value = problemOfError(error);
    }
    isBusy.value = false;
  };
  const addFiles = async (given: Iterable<File>) => {
    problem.value = undefined;
    preparing.value += 1;
    const { pictures: added, unusable } = await picturesOf(given);
    preparing.value -= 1;
    if (unusable.length > 0) problem.value = unusableImages(unusable);
    if (added.length === 0) return;
    // Others were added, and the question written on, meanwhile.
    onChange({ pictures: [...draft.value.pictures, ...added] });
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
        onInput={(event) => onChange({ prompt: event.currentTarget.value })}
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
      {kept && isMore(kept) && (
        <p class="quiet small kept">
          Asked again with {saidOf(kept)}.{' '}
          <button type="button" class="button small quiet" onClick={() => onChange({ kept: undefined })}>
            Leave it out
          </button>
        </p>
      )}
      {pictures.length > 0 && (
        <ul class="thumbs" aria-label="Images">
          {pictures.map((picture, index) => (
            <li key={index}>
              <img src={pictureAddress(picture)} alt={`${index + 1} of ${pictures.length}`} />
              <button
                type="button"
                aria-label={`Remove image ${index + 1}`}
                onClick={() => onChange({ pictures: pictures.filter((_, at) => at !== index) })}
              >
                <Icon name="close" />
              </button>
            </li>
          ))}
        </ul>
      )}
      <ModelPicker chosen={models} most={MOST_MODELS} onChange={(chosen) => onChange({ models: chosen })} />
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
          value={nameOf(judge)}
          first={models}
          onChange={(id) => onChange({ judge: id })}
        />
        <ModelSelect
          label="Merge"
          none="no"
          value={nameOf(merge)}
          first={models}
          onChange={(id) => onChange({ merge: id })}
        />
        <button type="submit" class="button primary" disabled={missing !== undefined || isBusy.value} title={missing}>
          Compare <kbd>Ctrl ↵</kbd>
        </button>
      </div>
      {problem.value && <ProblemNote problem={problem.value} />}
    </form>
  );
}

function missingIn({ prompt, models }: Draft): string | undefined {
  if (prompt.trim() === '') return 'Write a question';
  return models.length < 2 ? 'Choose at least two models' : undefined;
}

function unusableImages(names: string[]): Problem {
  const detail = `${names.join(', ')} cannot be read as an image.`;
  return { status: 0, title: 'Not an image', detail, hint: 'Images are PNG, JPEG, GIF or WebP files.' };
}

/** What a question that is asked again brings along, in words. */
function saidOf({ before, parts, system, schema, rubric }: Kept): string {
  const words = [
    ...(before.length === 0
      ? []
      : [before.length === 1 ? 'the message before it' : `the ${before.length} messages before it`]),
    ...(parts.length === 0 ? [] : ['what was attached to it']),
    ...(system === undefined ? [] : ['its instructions']),
    ...(schema === undefined ? [] : ['its schema']),
    ...(rubric === undefined ? [] : ['its rubric']),
  ];
  return new Intl.ListFormat('en').format(words);
}

function isMore(kept: Kept): boolean {
  return saidOf(kept) !== '';
}

/** A policy written out is known by the model it asks first. */
function nameOf(policy: Draft['judge']): string | undefined {
  return typeof policy === 'object' ? policy.candidates[0] : policy;
}
