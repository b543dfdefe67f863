/** Example of an address, for messages. */
export const DATABASE_URL_FORM = 'postgres://user:password@host:5432/database';

export function isDatabaseUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && ['postgres:', 'postgresql:'].includes(url.protocol) && url.hostname !== '';
}

/** Whether an address contains a password, in either of the two places where pg reads a password. */
export function hasPassword(address: string): boolean {
  const url = URL.parse(address);
  return url !== null && (url.password !== '' || Boolean(url.searchParams.get('password')));
}

/**
 * The sslmode values of pg whose meaning will not change. The package pg treats `prefer`, `require` and `verify-ca` as
 * `verify-full`. The package warns that its next version will treat these three values differently. Source:
 * pg-connection-string 2, index.js.
 */
const SSL_MODES = new Set(['verify-full', 'no-verify', 'disable']);
const REMEDY =
  'append ?sslmode=verify-full, or, in a network that you trust, ?sslmode=no-verify or ?sslmode=disable';

/**
 * Checks the sslmode of an address, which determines how TLS is used.
 *
 * @returns what is wrong and what to do, without the address; undefined if nothing is wrong
 */
export function sslModeProblem(address: string): string | undefined {
  const modes = URL.parse(address)?.searchParams.getAll('sslmode') ?? [];
  const [mode] = modes;
  if (mode === undefined) return `it has no sslmode; ${REMEDY}`;
  if (modes.length > 1) return 'it has more than one sslmode; keep one';
  return SSL_MODES.has(mode) ? undefined : `its sslmode is not supported; ${REMEDY}`;
}
