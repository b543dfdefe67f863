/**
 * Limits what the port accepts. Loopback has no limits per address, because all programs of this machine share the
 * loopback address.
 */
export interface PortLimits {
  /**
   * Maximum open connections. Connections from this machine are counted separately, so other machines cannot use all of
   * them.
   */
  connections: number;
  /** Maximum open connections from one address, except loopback and trusted proxies. */
  connectionsPerAddress: number;
  /** Maximum bytes of request bodies in memory. The first 64 KiB of each body do not count. */
  bytesInFlight: number;
  bytesInFlightPerAddress: number;
  /** Time to receive the head of a request, from the opening of the connection or from its first byte. */
  headersTimeoutMs: number;
  /**
   * Time for which a connection waits for the next request. The time is longer than the SDKs keep an idle connection:
   * if the server closed the connection first, a request that the client is just sending would fail. The AWS SDKs for
   * Java and Android keep an idle connection for 60 s, and the SDK for Go keeps it for 90 s. The SDKs for JavaScript
   * and Python keep it until the server closes it.
   */
  idleTimeoutMs: number;
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
  // Enough for two requests of the largest size.
  bytesInFlightPerAddress: 16 * MIB,
  headersTimeoutMs: 10_000,
  idleTimeoutMs: 120_000,
  requestTimeoutMs: 60_000,
  unreadTimeoutMs: 60_000,
};
