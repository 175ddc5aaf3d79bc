/** Lines on a grid of 16, drawn for this page. */
const PATHS = {
  add: 'M8 3v10M3 8h10',
  alert: 'M8 2.5 14 13H2L8 2.5ZM8 6.5v3M8 11.4v.1',
  chat: 'M2.5 3.5h11v7.5H7l-3 2.5V11H2.5V3.5Z',
  check: 'm3 8.5 3.2 3L13 4.5',
  chevron: 'm4.5 6.5 3.5 3.5 3.5-3.5',
  close: 'm4 4 8 8M12 4l-8 8',
  columns: 'M2.5 3h3v10h-3zM6.5 3h3v10h-3zM10.5 3h3v10h-3z',
  copy: 'M5.5 5.5h7.5v7.5H5.5zM10.5 3H3v7.5',
  dark: 'M13 9.6A5.5 5.5 0 0 1 6.4 3 5.5 5.5 0 1 0 13 9.6Z',
  fork: 'M4 3v10M4 9c4 0 7-1 7-4.5M9.3 6 11 4.2 12.7 6',
  history: 'M3 4v3h3M3.3 7A5 5 0 1 1 3 8.7M8 5.5V8l2 1.5',
  image: 'M2.5 3.5h11v9h-11zM5.5 6.5h.01M3 11.5l3-3 2 2 2.5-3 3 4',
  inbox: 'M2.5 9.5 4.5 3.5h7l2 6v3.5h-11V9.5ZM2.5 9.5h3.2l.8 1.5h3l.8-1.5h3.2',
  judge: 'M8 2.5v11M5 13.5h6M3 5l5-1.5L13 5M3 5 1.5 9h3L3 5ZM13 5l-1.5 4h3L13 5Z',
  key: 'M9.5 6.5a3 3 0 1 0-2 2.83L9 8h1.5v1.5H12V11h1.5V8.5L9.3 7.3M5.7 6.3h.01',
  keyboard: 'M1.5 4.5h13v7.5h-13zM4 7h.01M6.5 7h.01M9 7h.01M11.5 7h.01M5 9.5h6',
  light:
    'M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6ZM8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M12.6 3.4l-.7.7M4.1 11.9l-.7.7',
  link: 'M6.7 9.3 9.3 6.7M7 4.7l1-1a2.9 2.9 0 0 1 4.2 4.2l-1 1M9 11.3l-1 1A2.9 2.9 0 0 1 3.8 8l1-1',
  merge: 'M3.5 3c0 4 4.5 3 4.5 7v3.5M12.5 3c0 4-4.5 3-4.5 7M6.3 11.8 8 13.5l1.7-1.7',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  out: 'M6.5 3.5h-3v9h9v-3M9 3h4v4M13 3 7.5 8.5',
  retry: 'M13 4v3h-3M12.7 7A5 5 0 1 0 13 8.7',
  runs: 'M2.5 4h4M5 8h5.5M8.5 12h5',
  search: 'M7 3a4 4 0 1 1 0 8 4 4 0 0 1 0-8ZM10 10l3.5 3.5',
  send: 'M8 13V3.5M4 7l4-4 4 4',
  spend: 'M2.5 13.5h11M4 11V8M8 11V3M12 11V6',
  star: 'm8 2.5 1.7 3.6 3.8.5-2.8 2.7.7 3.9L8 11.3l-3.4 1.9.7-3.9L2.5 6.6l3.8-.5L8 2.5Z',
  stop: 'M4.5 4.5h7v7h-7z',
  system: 'M2.5 3.5h11v7.5h-11zM6 13.5h4M8 11v2.5',
  tool: 'M9.8 3.2a3 3 0 0 0-2 4L3 12l1 1 4.8-4.8a3 3 0 0 0 4-4L11 6 10 5l1.8-1.8a3 3 0 0 0-2 0Z',
} as const;

export type IconName = keyof typeof PATHS;

/** Says nothing by itself: the button or text beside it does. */
export function Icon({ name, filled }: { name: IconName; filled?: boolean }) {
  return (
    <svg class={filled ? 'icon filled' : 'icon'} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
