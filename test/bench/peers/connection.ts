import { Agent, request } from 'node:http';

export interface HttpRequest {
  method: string;
  /** Path and query string. */
  path: string;
  headers: Record<string, string>;
  body: string;
}

/** Connections to a server on 127.0.0.1 that stay open between requests. */
export interface Connection {
  readonly port: number;
  /**
   * @returns the body of the response
   * @throws {Error} the response is not 2xx
   */
  send(request: HttpRequest): Promise<string>;
  /** Closes the connections; the next request opens new ones. Servers close idle connections after some time. */
  reset(): void;
}

/** @param maxSockets maximum of concurrent requests */
export function createConnection(port: number, maxSockets: number): Connection {
  let agent = new Agent({ keepAlive: true, maxSockets });
  return {
    port,
    send: ({ method, path, headers, body }) =>
      new Promise((resolve, reject) => {
        const outgoing = request({ agent, host: '127.0.0.1', port, method, path, headers }, (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk) => {
            text += chunk;
          });
          response.on('end', () => {
            const { statusCode = 0 } = response;
            if (statusCode >= 200 && statusCode < 300) resolve(text);
            else reject(new Error(`${method} ${path}: ${statusCode} ${text}`));
          });
        });
        outgoing.on('error', reject);
        outgoing.end(body);
      }),
    reset() {
      agent.destroy();
      agent = new Agent({ keepAlive: true, maxSockets });
    },
  };
}

/** Creates a request with a body of JSON. */
export function jsonRequest(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): HttpRequest {
  const text = body === undefined ? '' : JSON.stringify(body);
  return { method, path, headers: { 'content-type': 'application/json', ...headers }, body: text };
}
