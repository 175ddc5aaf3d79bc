import { signal } from '@preact/signals';

/** Where the page is: `path` decoded part by part, so that `/runs/a%2Fb` is `['runs', 'a/b']`. */
export interface Place {
  path: string;
  parts: string[];
  query: URLSearchParams;
}

/** What a page is given: where it is. Its parts after the first are its own (`/runs/<id>`: `['runs', id]`). */
export interface PageProps {
  place: Place;
}

export const place = signal<Place>(placeOf(globalThis.location));

/** Goes to another place of the page, as a link would. */
export function go(path: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, '', path);
  else history.pushState(null, '', path);
  place.value = placeOf(globalThis.location);
  if (!replace) globalThis.scrollTo(0, 0);
}

/** Paths of the page are gone to without leaving it; all others as links are. */
export function startRouter(): void {
  globalThis.addEventListener('popstate', () => {
    place.value = placeOf(globalThis.location);
  });
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const link = (event.target as Element).closest?.('a');
    if (!link || link.target || link.hasAttribute('download') || link.origin !== globalThis.location.origin) return;
    if (!isOfPage(link.pathname) || link.hash) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });
}

const OF_PAGE = /^\/($|(compare|chat|runs|inbox|spend)(\/|$))/;

function isOfPage(path: string): boolean {
  return OF_PAGE.test(path);
}

function placeOf({ pathname, search }: Location): Place {
  const parts = pathname.split('/').filter((part) => part !== '');
  return { path: pathname, parts: parts.map(decoded), query: new URLSearchParams(search) };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
