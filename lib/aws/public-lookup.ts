import type { LookupAddress } from 'node:dns';
import { lookup as resolve } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { PayloadRefusedError } from '../stream/payload.ts';

/** Resolves a host name to all its addresses. */
export type LookupAll = (host: string) => Promise<LookupAddress[]>;

const resolveAll: LookupAll = (host) => resolve(host, { all: true });

/**
 * Creates a `lookup` for sockets that returns only public unicast addresses. It checks the same DNS response that the
 * connection uses, so that a second response cannot replace the checked one. If any address is not public, the
 * connection fails with a `PayloadRefusedError`: a host that resolves to public and private addresses is an attack, not
 * a mistake.
 */
export function createPublicLookup(lookup: LookupAll = resolveAll): LookupFunction {
  return (host, options, callback) => {
    lookup(host).then(
      (addresses) => {
        const [first] = addresses;
        if (!addresses.every(({ address }) => isPublic(address))) {
          callback(new PayloadRefusedError(`${host} has an address that is not public`), []);
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

/** Whether an address is public. For an IPv4-mapped IPv6 address (`::ffff:10.0.0.1`), the IPv4 address decides. */
function isPublic(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast';
}
