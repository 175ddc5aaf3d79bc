import { signal } from '@preact/signals';

const said = signal('');

/** Tells those who listen to the page instead of looking at it: what began and ended, never each word. */
export function announce(text: string): void {
  // The same words again are only read when they change.
  said.value = said.value === text ? `${text}\u00a0` : text;
}

export function Announcer() {
  return (
    <div class="unseen" role="status" aria-live="polite">
      {said}
    </div>
  );
}
