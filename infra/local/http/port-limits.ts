/**
 * Limits of the port. The limits per address do not apply to loopback, because all programs of this machine share the
 * loopback address.
 */
export interface PortLimits {
  /**
   * Maximum open connections. Connections from this machine are counted separately, so other machines cannot keep this
   * machine from connecting.
   */
  connections: number;
  /** Maximum open connections from one address, except loopback and trusted proxies. */
  connectionsPerAddress: number;
  /**
   * Maximum requests of one connection that wait for their responses. The AWS SDKs and reverse proxies send a request
   * only after the previous response. Node parses all requests in a received block at once, so thousands of small
   * requests in one block would delay all other connections.
   */
  requestsPerConnection: number;
  /**
   * A connection that sent too many requests is closed, but counts as ten open connections of its address for this
   * time. The client therefore cannot immediately continue on another connection.
   */
  penaltyMs: number;
  /** Maximum bytes of request bodies in memory. The first 64 KiB of each body do not count. */
  bytesInFlight: number;
  bytesInFlightPerAddress: number;
  /**
   * Time limit for receiving the head of a request. It starts when the connection is opened or, on a connection that is
   * used again, with the first byte of the request.
   */
  headersTimeoutMs: number;
  /**
   * Time for which an idle connection waits for the next request. It is longer than the time for which the SDKs keep an
   * idle connection. If the server closed the connection first, a request that the client is just sending would fail.
   * The AWS SDKs for Java and Android keep an idle connection for 60 s, and the SDK for Go keeps it for 90 s. The SDKs
   * for JavaScript and Python keep it until the server closes it.
   */
  idleTimeoutMs: number;
  /** Time limit for receiving a whole request. For example, 1 MiB over a mobile connection of 200 kbit/s takes 42 s. */
  requestTimeoutMs: number;
  /** Time after which a client is disconnected if it reads nothing of its response. */
  unreadTimeoutMs: number;
}

const MIB = 1024 * 1024;

export const DEFAULT_PORT_LIMITS: PortLimits = {
  connections: 1_000,
  connectionsPerAddress: 100,
  requestsPerConnection: 8,
  penaltyMs: 10_000,
  bytesInFlight: 64 * MIB,
  // Enough for two requests of the largest size.
  bytesInFlightPerAddress: 16 * MIB,
  headersTimeoutMs: 10_000,
  idleTimeoutMs: 120_000,
  requestTimeoutMs: 60_000,
  unreadTimeoutMs: 60_000,
};
