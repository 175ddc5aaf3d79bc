import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { canBeSent, giveKey, isAsked, wasRefused } from '../api/key.ts';
import { Dialog } from '../parts/dialog.tsx';

/** Asks for an API key, once the gateway does. */
export function SignIn() {
  const input = useRef<HTMLInputElement>(null);
  const isGarbled = useSignal(false);
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const key = String(form.get('key')).trim();
    isGarbled.value = !canBeSent(key);
    if (isGarbled.value) input.current?.focus();
    else giveKey(key, form.get('remember') === 'on');
  };
  const isWrong = isGarbled.value || wasRefused.value;
  return (
    <Dialog title="Sign in" isOpen={isAsked.value} focus={input}>
      <form class="stack" onSubmit={onSubmit}>
        <p class="quiet">This installation asks for an API key. It is sent to this server only.</p>
        <label class="field">
          <span>API key</span>
          <input
            ref={input}
            name="key"
            type="password"
            required
            autocomplete="current-password"
            spellcheck={false}
            aria-invalid={isWrong}
            aria-describedby={isWrong ? 'key-refused' : undefined}
          />
        </label>
        {isWrong && (
          <p id="key-refused" class="wrong" role="alert">
            {isGarbled.value ? (
              'This is no API key: it has a blank in it, or a character that no key has, such as … Copy all of it once more.'
            ) : (
              <>
                This key is not known here. Keys are made with <code>cadenza keys create</code>, or by an admin.
              </>
            )}
          </p>
        )}
        <label class="choice">
          <input name="remember" type="checkbox" /> Keep it on this device, also when the tab is closed
        </label>
        <button class="button primary" type="submit">
          Sign in
        </button>
      </form>
    </Dialog>
  );
}
