import { toSafeLine } from '../../../lib/common/text.ts';

/**
 * Prints a value as one line of JSON. Devices choose some of the names in the value. JSON allows characters in these
 * names that can control a terminal, so such characters are escaped.
 */
export function printJson(print: (line: string) => void, value: object): void {
  print(toSafeLine(JSON.stringify(value)));
}
