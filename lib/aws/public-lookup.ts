import type { LookupAddress } from 'node:dns';
import { lookup as resolve } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { PayloadRefusedError } from '../stream/ports/fetch-payload.ts';

/** Resolves a host name to all its addresses. */
export type LookupAll = (host: string) => Promise<LookupAddress[]>;

const resolveAll: LookupAll = (host) => resolve(host, { all: true });

/**
 * Creates a `lookup` function for sockets that returns only public unicast addresses. The connection uses the same DNS
 * response that was checked, so an attacker cannot replace the checked address with a second DNS response. If any
 * address of the host is not public, the connection fails with the error that `refuse` creates: a host that resolves to
 * both public and private addresses is an attack, not a mistake.
 */
export function createPublicLookup(
  lookup: LookupAll = resolveAll,
  refuse: (message: string) => Error = (message) => new PayloadRefusedError(message),
): LookupFunction {
  return (host, options, callback) => {
    lookup(host).then(
      (addresses) => {
        const [first] = addresses;
        if (!addresses.every(({ address }) => isPublicAddress(address))) {
          callback(refuse(`${host} has an address that is not public`), []);
        } else if (!first) {
          callback(Object.assign(new Error('no address'), { code: 'ENOTFOUND' }), []);
        } else if (options.all) {
          callback(null, addresses);
        } else {
          callback(null, first.address, first.family);
        }
      },
      (error: NodeJS.ErrnoException) => callback(error, []),
    );
  };
}

/**
 * The only IPv6 block from which public addresses are assigned. Source: IANA, "IPv6 Global Unicast Address
 * Assignments".
 */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Whether an address is public. Of an IPv4-mapped IPv6 address (`::ffff:10.0.0.1`), the IPv4 address is checked. Any
 * other IPv6 address outside 2000::/3 is not public, even if ipaddr.js does not assign it to a special range. An
 * example is `::10.0.0.1` (::/96), which contains an IPv4 address.
 */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.process(text);
  if (address.range() !== 'unicast') return false;
  return address instanceof ipaddr.IPv4 || address.match(GLOBAL_UNICAST);
}
