// Anything can be thrown: also what no text can be made of, and what throws itself when it is looked at.

/** The message of an error, the text of anything else. */
export function messageOfThrown(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return 'it threw something without a message';
  }
}

/** The stack of an error; empty where there is none. */
export function stackOfThrown(thrown: unknown): string {
  try {
    return thrown instanceof Error ? String(thrown.stack ?? '') : '';
  } catch {
    return '';
  }
}
