export const LOOPBACK = '127.0.0.1';

/** Whether the host is a loopback address or `localhost`, which reach only this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^(::ffff:)?127\.\d+\.\d+\.\d+$/i.test(host);
}

/** Whether the host is the wildcard address, which means all addresses of this machine. */
export function isAnyAddress(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

/** Returns the loopback address on which this machine reaches a listener on `host`. */
export function loopbackFor(host: string): string {
  return isLoopback(host) ? host : LOOPBACK;
}

/** Returns a host as it stands in a URL: an IPv6 address in brackets. */
export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
