/** `localStorage` keeps values in this browser, `sessionStorage` only until the tab is closed. */
type Area = 'localStorage' | 'sessionStorage';

/** Values that the browser did not store. They last until the page is closed or reloaded. */
const unsaved = new Map<string, string>();

/** Returns a value that `store` kept. Null if `store` kept nothing, or if the browser blocks the data of this site. */
export function readStored(name: string, area: Area = 'localStorage'): string | null {
  try {
    return unsaved.get(name) ?? window[area].getItem(name);
  } catch {
    return null;
  }
}

/**
 * Keeps a value in this browser, or in this page if the browser stores nothing: because the user blocks the data of
 * sites, or because the storage is full. In both cases, the storage throws.
 */
export function store(name: string, value: string, area: Area = 'localStorage'): void {
  try {
    window[area].setItem(name, value);
    unsaved.delete(name);
  } catch {
    unsaved.set(name, value);
  }
}
