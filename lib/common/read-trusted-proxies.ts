import { isIP, isIPv6 } from 'node:net';
import type { Environment } from './environment.ts';
import { SetupError } from './errors.ts';

const NETWORK = /^([^/]+)(?:\/(\d{1,3}))?$/;

/**
 * Reads TRUSTED_PROXIES, a comma-separated list of addresses and CIDRs.
 *
 * @returns the CIDRs; an empty list if the variable is not set
 * @throws {SetupError} an entry is invalid, or trusts every address
 */
export function readTrustedProxies({ TRUSTED_PROXIES: value }: Environment): string[] {
  if (!value?.trim()) return [];
  return value.split(',').map((entry) => {
    const network = entry.trim();
    const [, address = '', prefix] = NETWORK.exec(network) ?? [];
    const bits = isIP(address) === 0 ? 0 : isIPv6(address) ? 128 : 32;
    const length = prefix === undefined ? bits : Number(prefix);
    if (bits === 0 || length > bits) {
      throw new SetupError(
        `invalid TRUSTED_PROXIES: "${network}" is not a network; use addresses or CIDRs such as 10.0.0.0/8, separated by commas`,
      );
    }
    if (length === 0) {
      throw new SetupError(
        `invalid TRUSTED_PROXIES: "${network}" trusts every client to name its own address; use the networks of your proxies`,
      );
    }
    return `${address}/${length}`;
  });
}
