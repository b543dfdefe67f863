/** What the port accepts at a time. Loopback has no limits per address, because all of this machine shares it. */
export interface PortLimits {
  /** Maximum open connections. Those of this machine are counted separately, so that it is never locked out. */
  connections: number;
  /** Maximum open connections from one address, except loopback and trusted proxies. */
  connectionsPerAddress: number;
  /** Maximum bytes of bodies that are received or in use. The first 64 KiB of a body do not count. */
  bytesInFlight: number;
  bytesInFlightPerAddress: number;
  /** Time to receive the head of a request, from the opening of the connection or the end of the last response. */
  headersTimeoutMs: number;
  /** Time to receive a whole request. 1 MiB over a mobile connection of 200 kbit/s takes 42 s. */
  requestTimeoutMs: number;
  /** A client that reads nothing of its response for this long is disconnected. */
  unreadTimeoutMs: number;
}

const MIB = 1024 * 1024;

export const DEFAULT_PORT_LIMITS: PortLimits = {
  connections: 1_000,
  connectionsPerAddress: 100,
  bytesInFlight: 64 * MIB,
  // Two of the largest requests.
  bytesInFlightPerAddress: 16 * MIB,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  unreadTimeoutMs: 60_000,
};
