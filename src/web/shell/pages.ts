import type { ComponentType } from 'preact';
import type { IconName } from '../parts/icon.tsx';
import type { Place } from './router.ts';

/** What a page is given: where it is. Its parts after the first are its own (`/runs/<id>`: `['runs', id]`). */
export interface PageProps {
  place: Place;
}

export interface Page {
  /** first part of its path; '' is the front page */
  part: string;
  /** in the navigation, where it has a place there */
  name: string;
  icon: IconName;
  /** after `g`, the key that goes there */
  key: string;
  load(): Promise<{ Page: ComponentType<PageProps> }>;
}

/** The pages that are there; each is a chunk of its own, loaded when it is opened. A page is a file that exports `Page`. */
export const PAGES: Page[] = [
  { part: '', name: 'Home', icon: 'columns', key: 'h', load: () => import('../home/home-page.tsx') },
];

export const pathOf = ({ part }: Page) => `/${part}`;

export function pageAt({ parts }: Place): Page | undefined {
  return PAGES.find(({ part }) => part === (parts[0] ?? ''));
}
