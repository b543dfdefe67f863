import { signal } from '@preact/signals';
import { readStored, store } from './site-data.ts';

export type Theme = 'system' | 'light' | 'dark';

const STORED = 'cognito-sync-backend.theme';
export const theme = signal<Theme>(readTheme());

/** Chooses the colours. `system` follows the setting of the operating system. The choice is kept in this browser. */
export function chooseTheme(chosen: Theme): void {
  theme.value = chosen;
  store(STORED, chosen);
  applyTheme();
}

export function applyTheme(): void {
  if (theme.value === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
}

function readTheme(): Theme {
  const stored = readStored(STORED);
  return stored === 'light' || stored === 'dark' ? stored : 'system';
}
