import { useSignal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { hasKey, signOut } from '../api/key.ts';
import { problemOfError } from '../api/request.ts';
import { Icon } from '../parts/icon.tsx';
import { ProblemNote } from '../parts/problem-note.tsx';
import { Announcer, announce } from './announcer.tsx';
import { PAGES, type Page, pageAt, pathOf } from './pages.ts';
import { type PageProps, place } from './router.ts';
import { Shortcuts, showShortcuts } from './shortcuts.tsx';
import { SignIn } from './sign-in.tsx';
import { nextTheme, theme } from './theme.ts';

const THEMES = { system: 'as the system is', light: 'light', dark: 'dark' };

/** The frame of every page: where one is, where one can go, and what the keyboard does. */
export function Shell() {
  const page = pageAt(place.value);
  return (
    <>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <header class="bar">
        <a class="wordmark" href="/">
          <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
            <path d="M4 13V9M10 16V4M16 11V5" />
          </svg>
          Cadenza
        </a>
        <nav aria-label="Pages">
          {PAGES.map((one) => (
            <a key={one.part} href={pathOf(one)} aria-current={one === page ? 'page' : undefined}>
              <Icon name={one.icon} />
              {one.name}
            </a>
          ))}
        </nav>
        <div class="bar-end">
          <a class="button quiet small wide-only" href="/docs">
            API
          </a>
          <button
            type="button"
            class="button icon-only quiet wide-only"
            aria-label="Keyboard shortcuts"
            onClick={showShortcuts}
          >
            <Icon name="keyboard" />
          </button>
          <button
            type="button"
            class="button icon-only quiet"
            aria-label={`Colours: ${THEMES[theme.value]}`}
            title={`Colours: ${THEMES[theme.value]}`}
            onClick={nextTheme}
          >
            <Icon name={theme.value} />
          </button>
          {hasKey.value && (
            <button
              type="button"
              class="button icon-only quiet"
              aria-label="Sign out"
              title="Sign out"
              onClick={signOut}
            >
              <Icon name="key" />
            </button>
          )}
        </div>
      </header>
      <main id="content" tabIndex={-1}>
        {page ? <Loaded key={page.part} page={page} /> : <NotFound />}
      </main>
      <Announcer />
      <Shortcuts pages={PAGES.map((one) => ({ path: pathOf(one), name: one.name, key: one.key }))} />
      <SignIn />
    </>
  );
}

/** A page, once its chunk is here. */
function Loaded({ page }: { page: Page }) {
  const shown = useSignal<ComponentType<PageProps> | undefined>(undefined);
  const failed = useSignal<unknown>(undefined);
  const isFirst = useRef(true);
  const load = () => {
    failed.value = undefined;
    page.load().then(
      ({ Page }) => {
        shown.value = Page;
      },
      (error) => {
        failed.value = error;
      },
    );
  };
  useEffect(load, [page]);
  useEffect(() => {
    if (!isFirst.current) announce(page.name);
    isFirst.current = false;
  }, [page]);
  // Before what is shown there gives itself a title of its own.
  useLayoutEffect(() => {
    document.title = place.value.path === '/' ? 'Cadenza' : `${page.name} · Cadenza`;
  }, [page, place.value.path]);
  if (failed.value !== undefined) return <ProblemNote problem={problemOfError(failed.value)} onRetry={load} />;
  const Content = shown.value;
  return Content ? <Content place={place.value} /> : <p class="unseen">Loading</p>;
}

function NotFound() {
  useLayoutEffect(() => {
    document.title = 'Not found · Cadenza';
  }, []);
  return (
    <div class="empty">
      <h1>There is nothing here</h1>
      <p class="quiet">
        The address may be old. <a href="/">Go to the front page</a>.
      </p>
    </div>
  );
}
