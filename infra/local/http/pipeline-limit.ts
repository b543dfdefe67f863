import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { PortLimits } from './port-limits.ts';

/**
 * Creates a check for each new request. It limits how many requests of one connection wait for their responses. Above
 * the limit, the connection gets no further responses and is closed after the penalty.
 *
 * @returns a function that returns whether the request may be answered
 */
export function createPipelineLimit({
  requestsPerConnection,
  penaltyMs,
}: Pick<PortLimits, 'requestsPerConnection' | 'penaltyMs'>): (
  request: IncomingMessage,
  response: ServerResponse,
) => boolean {
  const waiting = new WeakMap<Socket, number>();
  const penalized = new WeakSet<Socket>();

  return ({ socket }, response) => {
    if (penalized.has(socket)) return false;
    const count = (waiting.get(socket) ?? 0) + 1;
    if (count > requestsPerConnection) {
      penalized.add(socket);
      socket.pause();
      const timer = setTimeout(() => socket.destroy(), penaltyMs);
      timer.unref();
      socket.once('close', () => clearTimeout(timer));
      return false;
    }
    waiting.set(socket, count);
    response.once('close', () => waiting.set(socket, (waiting.get(socket) ?? 1) - 1));
    return true;
  };
}
