import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';

/** How the requests that were in flight ended when the port was drained. */
export interface DrainReport {
  answered: number;
  /** Requests that were not answered within the time limit. */
  cutOff: number;
}

/**
 * The end of a port without lost requests. A client sends a request on a connection that it keeps alive without knowing
 * that the service stops, and the service cannot see requests that it has not read yet. Therefore the port stays open
 * until its clients are silent, and each answer tells the client to close the connection.
 */
export interface Drain {
  hasStarted(): boolean;
  /** Listens to the `connection` event of the port's servers. */
  onConnection(socket: Socket): void;
  /** Adds a request of a client. It is in flight until its response is sent, or its connection is closed. */
  enter(response: ServerResponse): void;
  /** Adds a request that came after the start. When the returned promise resolves, the caller rejects the request. */
  enterLate(response: ServerResponse): Promise<void>;
  /** Excludes a connection that the local cloud itself may use, until it has a request of a client. */
  ignore(socket: Socket): void;
  /**
   * From now on, no requests are accepted. Waits until the requests in flight are answered, for at most `timeoutMs`,
   * and then until the clients are silent, for at most a second.
   */
  start(timeoutMs: number): Promise<DrainReport>;
  /**
   * Calls `stopListening` at a moment when no client is connecting, because the system resets connections that were not
   * accepted yet. Then waits until the remaining requests are rejected. Without `start`, only calls `stopListening`.
   */
  end(stopListening: () => void): Promise<void>;
}

/** Clients are silent if none has sent a request or received an answer for this time. */
const SILENT_MS = 300;
/** Time for which clients that sync without a pause are rejected before the listener closes. */
const BUSY_MS = 1_000;
/**
 * Before the listener closes, late requests wait for their answers, so that their clients do not connect again. After
 * this time without another connection or request, all clients wait.
 */
const HELD_MS = 50;
const MAX_HELD_MS = 300;
/** Time limit for sending the last answers. The rest of a large body is read first, for up to 500 ms. */
const LAST_ANSWERS_MS = 600;

export function createDrain(): Drain {
  const inFlight = new Set<ServerResponse>();
  const late = new Set<ServerResponse>();
  const connections = new Set<Socket>();
  let hasStarted = false;
  let released: Promise<void> = Promise.resolve();
  let accepted = 0;
  let lastActiveAt = Number.NEGATIVE_INFINITY;
  const touch = () => {
    lastActiveAt = performance.now();
  };
  const isSilentFor = (ms: number) => performance.now() - lastActiveAt >= ms;

  function add(response: ServerResponse, to: Set<ServerResponse>): void {
    touch();
    connections.add(response.req.socket);
    to.add(response);
    response.once('close', () => {
      touch();
      to.delete(response);
    });
  }

  return {
    hasStarted: () => hasStarted,
    onConnection(socket) {
      accepted += 1;
      touch();
      connections.add(socket);
      socket.once('close', () => connections.delete(socket));
    },
    enter: (response) => add(response, inFlight),
    enterLate(response) {
      response.shouldKeepAlive = false;
      add(response, late);
      return released;
    },
    ignore: (socket) => connections.delete(socket),
    async start(timeoutMs) {
      hasStarted = true;
      if (connections.size > 0) touch();
      const { size } = inFlight;
      for (const response of inFlight) response.shouldKeepAlive = false;
      await waitUntil(() => inFlight.size === 0, timeoutMs);
      const report = { answered: size - inFlight.size, cutOff: inFlight.size };
      await waitUntil(() => isSilentFor(SILENT_MS), BUSY_MS);
      return report;
    },
    async end(stopListening) {
      if (!hasStarted) return stopListening();
      const { promise, resolve: release } = Promise.withResolvers<void>();
      released = promise;
      await waitUntil(() => isSilentFor(HELD_MS), MAX_HELD_MS);
      // Node may accept only some of the waiting connections in one turn.
      for (let before = -1; before !== accepted; await turn()) before = accepted;
      stopListening();
      release();
      const hasEnded = () => late.size === 0 && (connections.size === 0 || isSilentFor(SILENT_MS));
      await waitUntil(hasEnded, LAST_ANSWERS_MS);
    },
  };
}

/** Polls, because the condition also depends on the time. Before each poll, Node reads what the sockets received. */
async function waitUntil(condition: () => boolean, timeoutMs: number): Promise<void> {
  const end = performance.now() + timeoutMs;
  await turn();
  while (!condition() && performance.now() < end) {
    await sleep(10);
    await turn();
  }
}

/** Describes a drain in one line for the operator. */
export function describeDrain({ answered, cutOff }: DrainReport, timeoutMs: number): string {
  if (answered + cutOff === 0) return 'stopping; no requests were in flight';
  const waited = `stopping; answered ${answered} of ${answered + cutOff} requests in flight`;
  return cutOff === 0 ? waited : `${waited}; closed the others after ${timeoutMs / 1_000} s`;
}
