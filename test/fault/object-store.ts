import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** The server returns an error, ends the connection before or within the response, or responds too late. */
export type ObjectFault = 500 | 503 | 'reset' | 'half' | 'slow';

interface StoredObject {
  body: string;
  /** The faults of the first requests, in order. */
  faults: readonly ObjectFault[];
  /** The response to each later request. `expired`: every request fails, and the URL has expired. */
  end: 'there' | 'forbidden' | 'expired';
}

export interface ObjectStore {
  origin: string;
  /** @returns the URL of the object */
  put(object: StoredObject): string;
  close(): Promise<void>;
}

/** Duration of a `slow` response. */
export const SLOW_MS = 120;

/** Starts an object server that responds as planned. */
export async function startObjectStore(): Promise<ObjectStore> {
  const objects = new Map<string, StoredObject & { requests: number }>();
  const server = createServer((request, response) => {
    const object = objects.get((request.url ?? '').split('?', 1)[0] ?? '');
    if (!object) return response.writeHead(404).end();
    object.requests += 1;
    return respond(object, request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const origin = `http://127.0.0.1:${address.port}`;
  return {
    origin,
    put(object) {
      const path = `/payloads/${objects.size}`;
      objects.set(path, { ...object, requests: 0 });
      const date = object.end === 'expired' ? '20200101T000000Z' : '20990101T000000Z';
      return `${origin}${path}?X-Amz-Date=${date}&X-Amz-Expires=900&X-Amz-Signature=secret`;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function respond(
  { body, faults, end, requests }: StoredObject & { requests: number },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const fault = faults[requests - 1] ?? (end === 'expired' ? 503 : undefined);
  if (fault === 'reset') request.socket.destroy();
  else if (fault === 'half') {
    response.writeHead(200, { 'content-length': Buffer.byteLength(body) });
    response.write(body.slice(0, 1), () => request.socket.destroy());
  } else if (typeof fault === 'number') response.writeHead(fault).end();
  else {
    if (fault === 'slow') await sleep(SLOW_MS);
    if (end === 'forbidden') response.writeHead(403).end();
    else response.end(body);
  }
}
