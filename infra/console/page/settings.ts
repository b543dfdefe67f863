import { signal } from '@preact/signals';
import { getJson } from './api.ts';

/** What the service tells the console about itself. */
export interface Settings {
  region: string;
  usesDefaultKey: boolean;
}

export const settings = signal<Settings | null>(null);

let loading: Promise<Settings> | undefined;

/** Reads the settings, until `forgetSettings` only once. @throws {ApiError} */
export function loadSettings(): Promise<Settings> {
  loading ??= getJson<Settings>('/console/settings').then(
    (found) => {
      settings.value = found;
      return found;
    },
    (error: unknown) => {
      loading = undefined;
      throw error;
    },
  );
  return loading;
}

/** Makes the next use read the settings again, because a service that was restarted may have others. */
export function forgetSettings(): void {
  loading = undefined;
}
