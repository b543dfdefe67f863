/** A JSON object, neither null nor a list, whose members may be anything. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** JSON's grammar of a number, in groups: the whole part, the fraction, the exponent. */
export const JSON_NUMBER = /^-?(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** The number that a text is by JSON's grammar, without space around it; null for any other text, and beyond what a double holds. */
export function jsonNumber(text: string): number | null {
  if (!JSON_NUMBER.test(text)) return null;
  const number = Number(text);
  return Number.isFinite(number) ? number : null;
}
