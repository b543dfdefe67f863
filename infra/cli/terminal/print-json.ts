import { toSafeLine } from '../../../lib/common/text.ts';

/**
 * Prints a value as one line of JSON. Escapes the characters that JSON allows but that can control a terminal, because
 * devices choose some of the names in the value.
 */
export function printJson(print: (line: string) => void, value: object): void {
  print(toSafeLine(JSON.stringify(value)));
}
