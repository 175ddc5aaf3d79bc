import { signal } from '@preact/signals';

const KEPT_AS = 'cadenza.key';

/** True while the person is asked for a key: requests that were refused wait for it. */
export const isAsked = signal(false);
/** True where the last key given was not known. */
export const wasRefused = signal(false);
/** True while there is a key to forget. */
export const hasKey = signal(currentKey() !== undefined);

let waiting: PromiseWithResolvers<void> | undefined;

export function currentKey(): string | undefined {
  const kept = sessionStorage.getItem(KEPT_AS) ?? localStorage.getItem(KEPT_AS);
  return kept !== null && canBeSent(kept) ? kept : undefined;
}

/** Whether a header takes it: visible characters of Latin-1. With any other, `fetch` asks nobody and throws. */
export function canBeSent(key: string): boolean {
  return /^[\x21-\x7e\xa1-\xff]+$/.test(key);
}

/** Waits until the person has given another key than the one that was refused. */
export async function askForKey(refused: string | undefined): Promise<void> {
  // Somebody else's request was refused too, and has a new one by now.
  if (currentKey() !== refused) return;
  if (refused !== undefined) {
    forget();
    wasRefused.value = true;
  }
  waiting ??= Promise.withResolvers<void>();
  isAsked.value = true;
  await waiting.promise;
}

/** @param remember whether it outlives the tab */
export function giveKey(key: string, remember: boolean): void {
  forget();
  (remember ? localStorage : sessionStorage).setItem(KEPT_AS, key);
  hasKey.value = true;
  wasRefused.value = false;
  isAsked.value = false;
  waiting?.resolve();
  waiting = undefined;
}

/** Signs out: the next request asks for a key again. */
export function signOut(): void {
  forget();
  globalThis.location.assign('/');
}

function forget(): void {
  sessionStorage.removeItem(KEPT_AS);
  localStorage.removeItem(KEPT_AS);
  hasKey.value = false;
}
