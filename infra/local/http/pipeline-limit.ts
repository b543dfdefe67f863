import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Creates a check for each new request. The check limits how many requests of one connection have no response yet.
 * Above the limit, it closes the connection. Node has then already parsed more requests; these must not be answered
 * either.
 *
 * @param max the maximum number of requests without a response
 * @param onClose called before a connection is closed
 * @returns a function that returns whether the request may be answered
 */
export function createPipelineLimit(
  max: number,
  onClose: (socket: Socket) => void,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  const waiting = new WeakMap<Socket, number>();

  return ({ socket }, response) => {
    if (socket.destroyed) return false;
    const count = (waiting.get(socket) ?? 0) + 1;
    if (count > max) {
      // Pausing the connection would not be enough: Node would read it again as soon as an earlier request ends.
      onClose(socket);
      socket.destroy();
      return false;
    }
    waiting.set(socket, count);
    // All requests of a received block are handled before `setImmediate` runs. They therefore count together, even if
    // each response is ready immediately.
    const end = () => waiting.set(socket, (waiting.get(socket) ?? 1) - 1);
    response.once('close', () => setImmediate(end));
    return true;
  };
}
