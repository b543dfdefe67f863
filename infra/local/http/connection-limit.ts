import type { Socket } from 'node:net';
import { isLoopback } from '../../../lib/common/loopback.ts';
import { networkOf } from '../../../lib/wire/source-address.ts';
import type { PortLimits } from './port-limits.ts';

/**
 * If this share of the maximum number of connections is open, idle connections are closed to make room for new ones.
 */
const FULL = 0.9;

/**
 * Creates a listener for the `connection` event of the port's servers. The listener closes new connections that exceed
 * a limit.
 *
 * @param isProxy whether a peer is a trusted proxy, which connects on behalf of many clients
 * @param closeIdle closes the connections that wait for another request; a client opens a new connection when needed
 */
export function createConnectionLimit(
  { connections, connectionsPerAddress }: Pick<PortLimits, 'connections' | 'connectionsPerAddress'>,
  isProxy: (peer: string) => boolean,
  closeIdle: () => void,
): (socket: Socket) => void {
  const open = { own: 0, others: 0 };
  const ofAddress = new Map<string, number>();

  return (socket) => {
    // The address is unknown if the peer has disconnected in the meantime.
    const peer = socket.remoteAddress ?? '';
    const side = isLoopback(peer) ? 'own' : 'others';
    const address = side === 'own' || isProxy(peer) ? undefined : networkOf(peer);
    if (open[side] >= FULL * connections) closeIdle();
    const fromAddress = address === undefined ? 0 : (ofAddress.get(address) ?? 0);
    if (open[side] >= connections || fromAddress >= connectionsPerAddress) {
      socket.destroy();
      return;
    }
    open[side] += 1;
    if (address !== undefined) ofAddress.set(address, fromAddress + 1);
    socket.once('close', () => {
      open[side] -= 1;
      if (address === undefined) return;
      const left = (ofAddress.get(address) ?? 1) - 1;
      if (left > 0) ofAddress.set(address, left);
      else ofAddress.delete(address);
    });
  };
}
