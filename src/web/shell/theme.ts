import { signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';

const KEPT_AS = 'cadenza.theme';

export const theme = signal<Theme>(kept());

/** Shows the page as the person chose, or as their system is. */
export function applyTheme(): void {
  const { dataset } = document.documentElement;
  if (theme.value === 'system') delete dataset.theme;
  else dataset.theme = theme.value;
}

/** From system to light to dark, and around. */
export function nextTheme(): void {
  theme.value = ({ system: 'light', light: 'dark', dark: 'system' } as const)[theme.value];
  if (theme.value === 'system') localStorage.removeItem(KEPT_AS);
  else localStorage.setItem(KEPT_AS, theme.value);
  applyTheme();
}

function kept(): Theme {
  const value = localStorage.getItem(KEPT_AS);
  return value === 'light' || value === 'dark' ? value : 'system';
}
