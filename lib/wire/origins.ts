import { type Credentials, type Environment, includesDefault } from '../common/environment.ts';
import { SetupError } from '../common/errors.ts';
import { isLoopback } from '../common/loopback.ts';

/** Decides whether web pages of an origin may call Cognito Sync and Cognito Identity. */
export type OriginRule = (origin: string) => boolean;

/** Origins of mobile apps that run in a web view on the device. */
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

/**
 * Creates the rule that decides which web pages may call:
 *
 * - With the default credentials: pages from this machine, mobile apps, and the origins in ORIGINS. All other pages are
 *   rejected. They could sign requests, because the default credentials are public knowledge.
 * - With other credentials: if ORIGINS is set, only its origins, otherwise all pages. A page must know the credentials
 *   to sign requests.
 *
 * @param origins null if ORIGINS is not set
 * @param developers all keys that the service accepts
 */
export function createOriginRule(
  origins: readonly string[] | null,
  developers: readonly Credentials[],
): OriginRule {
  const isListed: OriginRule = (origin) => origins?.includes(origin) ?? false;
  if (!includesDefault(developers)) return origins === null ? () => true : isListed;
  return (origin) => isListed(origin) || APP_ORIGINS.includes(origin) || isLoopbackOrigin(origin);
}

function isLoopbackOrigin(origin: string): boolean {
  const url = URL.parse(origin);
  if (!url || !/^https?:$/.test(url.protocol) || url.origin !== origin) return false;
  return isLoopback(url.hostname.replace(/^\[(.*)\]$/, '$1'));
}
