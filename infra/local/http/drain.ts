import type { ServerResponse } from 'node:http';

/** How the requests that were in flight ended when the port was drained. */
export interface DrainReport {
  answered: number;
  /** Requests that were not answered within the time limit. */
  cutOff: number;
}

/** Requests in flight that a stopping port must answer first. */
export interface Drain {
  /** Whether the port no longer accepts requests. */
  hasStarted(): boolean;
  /** Adds a request. It is in flight until its response is sent, or its connection is closed. */
  enter(response: ServerResponse): void;
  /** Accepts no more requests, and waits until none is in flight, for at most `timeoutMs`. */
  start(timeoutMs: number): Promise<DrainReport>;
}

export function createDrain(): Drain {
  const inFlight = new Set<ServerResponse>();
  const emptied = Promise.withResolvers<void>();
  let hasStarted = false;
  return {
    hasStarted: () => hasStarted,
    enter(response) {
      inFlight.add(response);
      response.once('close', () => {
        inFlight.delete(response);
        if (hasStarted && inFlight.size === 0) emptied.resolve();
      });
    },
    async start(timeoutMs) {
      hasStarted = true;
      const { size } = inFlight;
      if (size > 0) {
        const timer = setTimeout(emptied.resolve, timeoutMs);
        await emptied.promise;
        clearTimeout(timer);
      }
      return { answered: size - inFlight.size, cutOff: inFlight.size };
    },
  };
}

/** Describes a drain in one line for the operator. */
export function describeDrain({ answered, cutOff }: DrainReport, timeoutMs: number): string {
  if (answered + cutOff === 0) return 'stopping; no requests were in flight';
  const waited = `stopping; answered ${answered} of ${answered + cutOff} requests in flight`;
  return cutOff === 0 ? waited : `${waited}; closed the others after ${timeoutMs / 1_000} s`;
}
