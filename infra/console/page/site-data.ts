/** Values that the browser did not store. They last until the page is closed or reloaded. */
const unsaved = new Map<string, string>();

/** Returns a value that `store` kept. Null if `store` kept nothing, or if the browser blocks the data of this site. */
export function readStored(name: string): string | null {
  try {
    return unsaved.get(name) ?? localStorage.getItem(name);
  } catch {
    return null;
  }
}

/**
 * Keeps a value in this browser, or in this page if the browser stores nothing: because the user blocks the data of
 * sites, or because the storage is full. In both cases, `localStorage` throws.
 */
export function store(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
    unsaved.delete(name);
  } catch {
    unsaved.set(name, value);
  }
}
