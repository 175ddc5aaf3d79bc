import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { Dialog } from '../parts/dialog.tsx';
import { go } from './router.ts';

/** A key, and what it does; `keys` as shown, the last one as pressed (`g r`: first g, then r). */
export interface Shortcut {
  keys: string;
  does: string;
  act(): void;
  /** also while one writes: those with Ctrl, and Escape */
  whileWriting?: boolean;
}

const known = signal<Shortcut[]>([]);
const isShown = signal(false);

/** Shortcuts of a screen, for as long as it is there. */
export function useShortcuts(shortcuts: Shortcut[], changesWith: unknown[] = []): void {
  useEffect(() => {
    known.value = [...known.value, ...shortcuts];
    return () => {
      known.value = known.value.filter((one) => !shortcuts.includes(one));
    };
  }, changesWith);
}

export function showShortcuts(): void {
  isShown.value = true;
}

/** Listens to keys, and shows them on `?`. */
export function Shortcuts({ pages }: { pages: { path: string; name: string; key: string }[] }) {
  useShortcuts([
    ...pages.map(({ path, name, key }) => ({ keys: `g ${key}`, does: `Go to ${name}`, act: () => go(path) })),
    { keys: '?', does: 'Show these shortcuts', act: showShortcuts },
  ]);
  useEffect(() => {
    let before = '';
    const onKey = (event: KeyboardEvent) => {
      const pressed = nameOf(event);
      const sequence = before === '' ? pressed : `${before} ${pressed}`;
      before = pressed === 'g' ? 'g' : '';
      const writes = isWriting(event.target);
      const found = known.value.findLast(
        ({ keys, whileWriting }) => (keys === sequence || keys === pressed) && (!writes || whileWriting),
      );
      if (!found || event.defaultPrevented || (document.querySelector('dialog[open]') && !found.whileWriting)) return;
      event.preventDefault();
      before = '';
      found.act();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
  return (
    <Dialog title="Keyboard shortcuts" isOpen={isShown.value} onClose={() => (isShown.value = false)}>
      <dl class="shortcuts">
        {known.value.map(({ keys, does }) => (
          <div key={keys + does}>
            <dt>
              {keys.split(' ').map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}

function nameOf(event: KeyboardEvent): string {
  const held = event.ctrlKey || event.metaKey ? 'Ctrl+' : event.altKey ? 'Alt+' : '';
  return held + (event.key.length === 1 ? event.key.toLowerCase() : event.key);
}

function isWriting(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}
