import { BlockList, isIP, isIPv6 } from 'node:net';
import { header, type RequestHead } from './canonical-request.ts';

/** Finds out where requests come from, behind the reverse proxies that the operator trusts. */
export interface SourceAddresses {
  /** Whether the peer of a connection is a trusted proxy. */
  isProxy(peer: string): boolean;
  /**
   * Returns the client's address. If the peer is not a trusted proxy, the peer's address is returned. Otherwise the
   * right-most address in `X-Forwarded-For` that is not a trusted proxy is returned. Addresses to the left of it are
   * only claims of the client.
   *
   * @param peer the address of the connection's other end
   */
  of(peer: string, headers: RequestHead['headers']): string;
}

/** @param proxies the CIDRs of trusted proxies */
export function createSourceAddresses(proxies: readonly string[]): SourceAddresses {
  const trusted = new BlockList();
  for (const proxy of proxies) {
    const [address = '', length] = proxy.split('/');
    trusted.addSubnet(address, Number(length), isIPv6(address) ? 'ipv6' : 'ipv4');
  }
  const isProxy = (peer: string): boolean =>
    proxies.length > 0 && trusted.check(peer, isIPv6(peer) ? 'ipv6' : 'ipv4');

  return {
    isProxy: (peer) => isProxy(unmapped(peer)),
    of(peer, headers) {
      let address = unmapped(peer);
      if (!isProxy(address)) return address;
      const forwarded = header({ headers }, 'x-forwarded-for') ?? '';
      for (const entry of forwarded.split(',').reverse()) {
        const next = addressIn(entry.trim());
        // A proxy that writes anything but an address is misconfigured. Entries to the left of such an entry cannot be
        // trusted.
        if (next === undefined) break;
        address = next;
        if (!isProxy(address)) break;
      }
      return address;
    },
  };
}

/**
 * Reads an entry of `X-Forwarded-For`: `address`, or `address:port` and `[address]:port`, which some proxies write.
 *
 * @returns undefined if the entry is not an address
 */
export function addressIn(entry: string): string | undefined {
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(entry)?.[1] ?? /^([\d.]+):\d+$/.exec(entry)?.[1] ?? entry;
  return isIP(bare) === 0 ? undefined : unmapped(bare);
}

const MAPPED = /^::ffff:(?=\d+\.)/i;

/** A socket that listens on IPv6 shows the addresses of IPv4 in the form `::ffff:192.0.2.1`. */
function unmapped(address: string): string {
  return address.replace(MAPPED, '');
}

/**
 * Returns the key of a limit per address: the IPv4 address, or the first half of the IPv6 address. The second half does
 * not count, because one subscriber can use any value for it.
 */
export function networkOf(address: string): string {
  const plain = unmapped(address);
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('::');
  const given = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - given.length - rest.length);
  const groups = [...given, ...Array<string>(zeros).fill('0'), ...rest].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}
