/** What an address looks like, for messages. */
export const DATABASE_URL_FORM = 'postgres://user:password@host:5432/database';

export function isDatabaseUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && ['postgres:', 'postgresql:'].includes(url.protocol) && url.hostname !== '';
}

/** Whether an address holds a password, in either of the two places where pg looks for one. */
export function hasPassword(address: string): boolean {
  const url = URL.parse(address);
  return url !== null && (url.password !== '' || Boolean(url.searchParams.get('password')));
}

/**
 * Those of pg whose meaning stays: it takes `prefer`, `require` and `verify-ca` for `verify-full`, and warns that its next
 * version will not. Source: pg-connection-string 2, index.js.
 */
const SSL_MODES = new Set(['verify-full', 'no-verify', 'disable']);
const TODO =
  'end it with ?sslmode=verify-full, or within a network that you trust with ?sslmode=no-verify or ?sslmode=disable';

/** What is wrong with how an address asks for TLS, and what to do, without the address; undefined where nothing is. */
export function sslModeProblem(address: string): string | undefined {
  const modes = URL.parse(address)?.searchParams.getAll('sslmode') ?? [];
  const [mode] = modes;
  if (mode === undefined) return `it does not say sslmode; ${TODO}`;
  if (modes.length > 1) return 'it says sslmode more than once; say it once';
  return SSL_MODES.has(mode) ? undefined : `its sslmode is not one that is kept to everywhere; ${TODO}`;
}
