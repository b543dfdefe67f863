/** Of anything, as anything can be thrown: also what no text can be made of, and what throws when it is looked at. */
export function textOfThrown(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return 'it threw something without a message';
  }
}
