import { toSafeLine } from '../common/safe-line.ts';

/** A key of 1,024 characters would leave no room for the reason: the service cuts messages off. */
const MAX_SHOWN = 100;

/** As JSON writes it, without the quotes: a device makes up its keys, and what shows them is logged as it is. */
export function showKey(key: string): string {
  const text = JSON.stringify(key.slice(0, MAX_SHOWN).toWellFormed());
  return toSafeLine(text.slice(1, -1));
}
