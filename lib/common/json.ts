/** Whether the value is a JSON object. Null and arrays do not count. The object's members may have any type. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Parses JSON. @returns undefined if the text is not JSON */
export function tryParseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** JSON's grammar of a number, in groups: the whole part, the fraction, the exponent. */
export const JSON_NUMBER = /^-?(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/**
 * Parses a text that matches JSON's number grammar, without surrounding white space.
 *
 * @returns null for any other text, and for a number that a double cannot hold
 */
export function jsonNumber(text: string): number | null {
  if (!JSON_NUMBER.test(text)) return null;
  const number = Number(text);
  return Number.isFinite(number) ? number : null;
}
