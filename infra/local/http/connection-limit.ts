import type { Socket } from 'node:net';
import { isLoopback } from '../../../lib/common/loopback.ts';
import { networkOf } from '../../../lib/wire/source-address.ts';
import type { PortLimits } from './port-limits.ts';

/**
 * If this share of the maximum number of connections is open, idle connections are closed to make room for new ones.
 */
const FULL = 0.9;

/** A connection that was closed as a penalty counts as this many connections of its address until the penalty ends. */
const PENALTY_WEIGHT = 10;

export interface ConnectionLimit {
  /** Listens to the `connection` event of the port's servers. Closes connections above the limits. */
  onConnection(socket: Socket): void;
  /** Makes a connection that is being closed for misuse count for another `penaltyMs`, with a higher weight. */
  penalize(socket: Socket): void;
}

/**
 * Creates the limit of open connections.
 *
 * @param isProxy whether a peer is a trusted proxy, which connects on behalf of many clients
 * @param closeIdle closes the connections that wait for another request; a client opens a new connection when needed
 */
export function createConnectionLimit(
  {
    connections,
    connectionsPerAddress,
    penaltyMs,
  }: Pick<PortLimits, 'connections' | 'connectionsPerAddress' | 'penaltyMs'>,
  isProxy: (peer: string) => boolean,
  closeIdle: () => void,
): ConnectionLimit {
  const open = { own: 0, others: 0 };
  const ofAddress = new Map<string, number>();

  /** Returns the address whose connections are limited; undefined for loopback and trusted proxies. */
  function limitedAddress({ remoteAddress = '' }: Socket): string | undefined {
    return isLoopback(remoteAddress) || isProxy(remoteAddress) ? undefined : networkOf(remoteAddress);
  }

  function count(address: string | undefined, by: number): void {
    if (address === undefined) return;
    const left = (ofAddress.get(address) ?? 0) + by;
    if (left > 0) ofAddress.set(address, left);
    else ofAddress.delete(address);
  }

  return {
    onConnection(socket) {
      // The address is unknown if the peer has disconnected in the meantime.
      const side = isLoopback(socket.remoteAddress ?? '') ? 'own' : 'others';
      const address = limitedAddress(socket);
      if (open[side] >= FULL * connections) closeIdle();
      const fromAddress = address === undefined ? 0 : (ofAddress.get(address) ?? 0);
      if (open[side] >= connections || fromAddress >= connectionsPerAddress) {
        socket.destroy();
        return;
      }
      open[side] += 1;
      count(address, 1);
      socket.once('close', () => {
        open[side] -= 1;
        count(address, -1);
      });
    },
    penalize(socket) {
      const address = limitedAddress(socket);
      count(address, PENALTY_WEIGHT);
      setTimeout(() => count(address, -PENALTY_WEIGHT), penaltyMs).unref();
    },
  };
}
