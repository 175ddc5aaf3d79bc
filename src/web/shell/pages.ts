import type { ComponentType } from 'preact';
import type { IconName } from '../parts/icon.tsx';
import type { PageProps, Place } from './router.ts';

export interface Page {
  /** first part of its path; '' is the front page */
  part: string;
  /** another part that leads to it */
  also?: string;
  /** in the navigation, where it has a place there */
  name: string;
  icon: IconName;
  /** after `g`, the key that goes there */
  key: string;
  load(): Promise<{ Page: ComponentType<PageProps> }>;
}

/** The pages that are there; each is a chunk of its own, loaded when it is opened. A page is a file that exports `Page`. */
export const PAGES: Page[] = [
  {
    part: '',
    also: 'compare',
    name: 'Compare',
    icon: 'columns',
    key: 'c',
    load: () => import('../compare/compare-page.tsx'),
  },
  { part: 'chat', name: 'Chat', icon: 'chat', key: 't', load: () => import('../chat/chat-page.tsx') },
  { part: 'runs', name: 'Runs', icon: 'runs', key: 'r', load: () => import('../runs/runs-page.tsx') },
  { part: 'inbox', name: 'Inbox', icon: 'inbox', key: 'i', load: () => import('../inbox/inbox-page.tsx') },
  { part: 'spend', name: 'Spend', icon: 'spend', key: 's', load: () => import('../spend/spend-page.tsx') },
];

export const pathOf = ({ part }: Page) => `/${part}`;

export function pageAt({ parts }: Place): Page | undefined {
  const first = parts[0] ?? '';
  return PAGES.find(({ part, also }) => part === first || also === first);
}
