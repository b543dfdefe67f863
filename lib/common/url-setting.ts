import { isLoopback } from './loopback.ts';

/**
 * Parses the URL of another service in a setting. Without TLS, an attacker on the network could read and replace what
 * is sent, so HTTP is possible only on this machine.
 *
 * @returns the URL, or a text that says what the value must be. That text never quotes the value
 */
export function parseUrlSetting(value: unknown): URL | string {
  const url = typeof value === 'string' ? URL.parse(value) : null;
  if (!url || !(url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(hostOf(url))))) {
    return 'an https URL, or an http URL of a loopback address';
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    return 'a URL without credentials, query and fragment';
  }
  return url;
}

/** Returns the host in a URL; an IPv6 address without its brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}
