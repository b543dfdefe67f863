import { createServer, type Server } from 'node:net';
import { isAnyAddress, isLoopback, LOOPBACK } from '../../../lib/common/loopback.ts';

/**
 * Checks that a port is free. Port 0 is always free, because the system then chooses a port.
 * @throws the error of the system, for example EADDRINUSE, if a server cannot listen on the port
 */
export async function requireFreePort(host: string, port: number): Promise<void> {
  if (port === 0) return;
  for (const address of addressesOf(host)) {
    const server = createServer();
    await listen(server, address, port);
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Returns the addresses to listen on. Loopback is added, unless `host` is loopback or the wildcard address. */
export function addressesOf(host: string): string[] {
  return isLoopback(host) || isAnyAddress(host) ? [host] : [host, LOOPBACK];
}

/** @returns the port that was assigned */
export async function listen(server: Server, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return address.port;
}
