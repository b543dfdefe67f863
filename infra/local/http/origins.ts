import { type Credentials, DEFAULT_CREDENTIALS, type Environment } from '../../../lib/common/environment.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import { isLoopback } from '../../../lib/common/loopback.ts';

/** Decides whether web pages of an origin may call Cognito Sync and Cognito Identity. */
export type OriginRule = (origin: string) => boolean;

/** Apps in a web view of the device itself. */
const APP_ORIGINS: readonly string[] = ['capacitor://localhost', 'ionic://localhost'];

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
    // The entry is not repeated: as a URL, it may contain secrets.
    throw new SetupError(
      `invalid ORIGINS: entry ${index + 1} is not an origin; use origins such as https://app.example, separated by commas`,
    );
  });
}

function toOrigin(text: string): string | undefined {
  // Pages without an origin, such as those from a file.
  if (text === 'null') return text;
  const url = URL.parse(text);
  if (!url || url.host === '' || url.username !== '' || url.password !== '') return undefined;
  if (!/^\/?$/.test(url.pathname) || url.search !== '' || url.hash !== '') return undefined;
  return `${url.protocol}//${url.host}`;
}

/**
 * Creates the rule for the origins in ORIGINS. The default credentials are public knowledge, so with them any page could
 * read and write: without ORIGINS, only pages from this machine and apps may call. With other credentials any page may,
 * because it needs credentials of its own; ORIGINS then restricts them.
 *
 * @param origins null if ORIGINS is not set
 */
export function createOriginRule(
  origins: readonly string[] | null,
  { secretAccessKey }: Credentials,
): OriginRule {
  const isListed: OriginRule = (origin) => origins?.includes(origin) ?? false;
  if (secretAccessKey !== DEFAULT_CREDENTIALS.secretAccessKey)
    return origins === null ? () => true : isListed;
  return (origin) => isListed(origin) || APP_ORIGINS.includes(origin) || isLoopbackOrigin(origin);
}

function isLoopbackOrigin(origin: string): boolean {
  const url = URL.parse(origin);
  if (!url || !/^https?:$/.test(url.protocol) || url.origin !== origin) return false;
  return isLoopback(url.hostname.replace(/^\[(.*)\]$/, '$1'));
}
