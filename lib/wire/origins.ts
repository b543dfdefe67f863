import { type Credentials, includesDefault } from '../common/environment.ts';
import { isLoopback } from '../common/loopback.ts';

/** Decides whether web pages of an origin may call Cognito Sync and Cognito Identity. */
export type OriginRule = (origin: string) => boolean;

/** Origins of mobile apps that run in a web view on the device. */
const APP_ORIGINS: readonly string[] = ['capacitor://localhost', 'ionic://localhost'];

/**
 * Creates the rule that decides which web pages may call the service:
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
