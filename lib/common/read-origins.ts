import type { Environment } from './environment.ts';
import { SetupError } from './errors.ts';

/**
 * Reads ORIGINS, a comma-separated list of web origins.
 *
 * @returns the origins in the form that browsers send; null if the variable is not set
 * @throws {SetupError} an entry is not an origin
 */
export function readOrigins({ ORIGINS: value }: Environment): string[] | null {
  if (!value?.trim()) return null;
  return value.split(',').map((entry, index) => {
    const origin = toOrigin(entry.trim());
    if (origin !== undefined) return origin;
    // The message does not quote the entry, because a URL may contain secrets.
    throw new SetupError(
      `invalid ORIGINS: entry ${index + 1} is not an origin; use origins such as https://app.example, separated by commas`,
    );
  });
}

function toOrigin(text: string): string | undefined {
  // Browsers send `null` for pages without an origin, such as pages from a file.
  if (text === 'null') return text;
  const url = URL.parse(text);
  if (!url || url.host === '' || url.username !== '' || url.password !== '') return undefined;
  if (!/^\/?$/.test(url.pathname) || url.search !== '' || url.hash !== '') return undefined;
  return `${url.protocol}//${url.host}`;
}
