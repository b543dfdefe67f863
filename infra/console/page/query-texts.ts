import { readStored, store } from './site-data.ts';

const HISTORY = 'cognito-sync-backend.queries';
const DRAFT = 'cognito-sync-backend.query-draft';
const MAX_HISTORY = 50;

/** Returns the statements that were run in this browser, newest first. */
export function readHistory(): string[] {
  try {
    const stored: unknown = JSON.parse(readStored(HISTORY) ?? '[]');
    return Array.isArray(stored) ? stored.filter((each) => typeof each === 'string') : [];
  } catch {
    return [];
  }
}

/** Adds a statement to the history. @returns the new history */
export function remember(sql: string): string[] {
  const history = [sql, ...readHistory().filter((each) => each !== sql)].slice(0, MAX_HISTORY);
  store(HISTORY, JSON.stringify(history));
  return history;
}

/** Returns the text that the user typed in this tab; an empty text if there is none. */
export function readDraft(): string {
  return readStored(DRAFT, 'sessionStorage') ?? '';
}

/** Keeps the text that the user types until the tab is closed. */
export function keepDraft(text: string): void {
  store(DRAFT, text, 'sessionStorage');
}
