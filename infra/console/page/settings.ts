import { signal } from '@preact/signals';
import { getJson } from './api.ts';

/** What the service tells the console about itself. */
export interface Settings {
  region: string;
  usesDefaultKey: boolean;
}

export const settings = signal<Settings | null>(null);

let loading: Promise<Settings> | undefined;

/** Reads the settings once. @throws {ApiError} */
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
