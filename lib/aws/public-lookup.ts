import type { LookupAddress } from 'node:dns';
import { lookup as resolve } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { PayloadRefusedError } from '../stream/payload.ts';

/** Resolves to all addresses of a host name. */
export type LookupAll = (host: string) => Promise<LookupAddress[]>;

const resolveAll: LookupAll = (host) => resolve(host, { all: true });

/**
 * A `lookup` for sockets that gives public unicast addresses only. It stands between the DNS answer and the connection,
 * so that no second answer can replace the one that was checked. One address that is not public spoils the answer: a
 * host that is public for one question and private for the next is an attack, not a mistake. The connection then fails
 * with a `PayloadRefusedError`.
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

/** The IPv4 address in an IPv6 one that maps it (`::ffff:10.0.0.1`) is judged as itself. */
function isPublic(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'unicast';
}
