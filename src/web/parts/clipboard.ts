import { announce } from '../shell/announcer.tsx';

/** Copies a text, and says whether it did. @param what it is, as people call it */
export async function copied(text: string, what: string): Promise<boolean> {
  const isCopied = await write(text);
  announce(isCopied ? `${what} copied` : `${what} not copied: this browser does not let the page`);
  return isCopied;
}

async function write(text: string): Promise<boolean> {
  // Browsers give the clipboard to pages of https and of this machine alone; the old way is left to others.
  if (!navigator.clipboard) return writeBySelection(text);
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return writeBySelection(text);
  }
}

function writeBySelection(text: string): boolean {
  const before = document.activeElement;
  const field = document.createElement('textarea');
  field.value = text;
  field.className = 'unseen';
  document.body.append(field);
  field.select();
  const isCopied = document.execCommand('copy');
  field.remove();
  if (before instanceof HTMLElement) before.focus();
  return isCopied;
}
