import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { type Problem, problemOfError } from '../api/request.ts';
import { Icon } from '../parts/icon.tsx';
import { ProblemNote } from '../parts/problem-note.tsx';

interface ChatComposerProps {
  placeholder: string;
  /** @throws what is then shown, with the text */
  onSend(text: string): Promise<void>;
  /** while something is answered */
  onStop?(): void;
}

/** A message: Enter sends, Shift and Enter is a new line. */
export function ChatComposer({ placeholder, onSend, onStop }: ChatComposerProps) {
  const input = useRef<HTMLTextAreaElement>(null);
  const text = useSignal('');
  const isBusy = useSignal(false);
  const problem = useSignal<Problem | undefined>(undefined);
  useEffect(() => input.current?.focus(), []);
  const send = async () => {
    const said = text.value.trim();
    if (said === '' || isBusy.value) return;
    isBusy.value = true;
    problem.value = undefined;
    text.value = '';
    try {
      await onSend(said);
    } catch (error) {
      problem.value = problemOfError(error);
      // What was typed meanwhile stands after it.
      text.value = [said, text.value].filter((part) => part.trim() !== '').join('\n\n');
    }
    isBusy.value = false;
  };
  return (
    <form
      class="chat-composer"
      aria-label="Message"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {problem.value && <ProblemNote problem={problem.value} />}
      <textarea
        ref={input}
        rows={1}
        aria-label="Message"
        placeholder={placeholder}
        value={text}
        onInput={({ currentTarget }) => {
          text.value = currentTarget.value;
        }}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          void send();
        }}
      />
      {onStop ? (
        <button type="button" class="button icon-only" aria-label="Stop" title="Stop" onClick={onStop}>
          <Icon name="stop" filled />
        </button>
      ) : (
        <button
          type="submit"
          class="button primary icon-only"
          aria-label="Send"
          title="Send"
          disabled={text.value.trim() === ''}
        >
          <Icon name="send" />
        </button>
      )}
    </form>
  );
}
