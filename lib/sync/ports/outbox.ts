export type OutboxStream = string | null;

/**
 * An event that a relay has claimed in order to publish it. Until the lease expires, no other relay can claim the
 * event.
 */
export interface OutboxRow {
  outboxId: string;
  /**
   * The stream of the event's pool when the row was written; null in old rows, which were written when only one stream
   * was supported.
   */
  streamName: OutboxStream;
  partitionKey: string;
  /** The serialized stream event. */
  event: string;
  /**
   * Number of claims of the row, including this claim. Together with the row's id, this number identifies the claim.
   */
  attempts: number;
  /** Number of attempts that the stream rejected permanently, as counted by `countRejection`. */
  rejections: number;
}

/** A claim whose event was not published, and the time until the row can be claimed again. */
export interface PostponedClaim extends Pick<OutboxRow, 'outboxId' | 'attempts'> {
  delayMs: number;
}

/** The outbox operations of the relay. Leases use the database's clock, because relays run on several hosts. */
export interface Outbox {
  /**
   * Claims, for `leaseMs`, the oldest rows that are neither set aside by `park` nor under a lease. Concurrent claimers
   * never get the same row. A claimer may therefore get fewer rows than exist, or no rows.
   * @param limit maximum number of rows; fewer are returned if they are large
   * @param of the streams whose rows are claimed; all by default
   * @returns oldest first
   */
  claim(limit: number, leaseMs: number, of?: StreamChoice): Promise<OutboxRow[]>;
  /** Deletes rows; ids that do not exist are ignored. */
  remove(outboxIds: readonly string[]): Promise<void>;
  /** Ends claims before their leases expire. A row that another relay has claimed in the meantime is not changed. */
  postpone(claims: readonly PostponedClaim[]): Promise<void>;
  /** Stores one more rejection of each row than the claim returned. Does not end the claim. */
  countRejection(rejected: readonly Pick<OutboxRow, 'outboxId' | 'rejections'>[]): Promise<void>;
  /** Sets a row aside (parks it): the relay no longer claims the row until an operator clears the stored reason. */
  park(outboxId: string, reason: string): Promise<void>;
}

/** The claim of a certain row, by the process that wrote it. */
export interface SingleClaim {
  /**
   * Claims one row for `leaseMs`.
   * @returns null if the row does not exist, is set aside, or is under a lease
   */
  claimOne(outboxId: string, leaseMs: number): Promise<OutboxRow | null>;
}

export type StreamChoice = { only: OutboxStream } | { allBut: readonly OutboxStream[] };

/** The operations of the relay on identity pools. */
export interface StreamingSwitch {
  /**
   * Disables streaming of the pools that stream to this stream, and stores the reason with each pool.
   * @returns the number of pools changed; 0 if no pool streams to this stream any more
   */
  disable(stream: OutboxStream, reason: string): Promise<number>;
}

export interface PublishEntry {
  partitionKey: string;
  data: Uint8Array;
}

/**
 * The outcome for one entry. `error` is a code that is safe to log. `retryable` is false only if the entry itself is
 * known to be invalid. It is true for every other failure, for example of the stream, its key, the permissions or the
 * network, and if there is no answer for the entry. `noStream`: no stream has that name, or the stream is still being
 * created.
 */
export type PublishOutcome = 'published' | { error: string; retryable: boolean; noStream?: true };

/** Publishes to a stream. The publisher returns failures as outcomes and does not throw. */
export interface EventPublisher {
  /** @returns one outcome per entry, in the order of the entries */
  publish(streamName: string, entries: readonly PublishEntry[]): Promise<PublishOutcome[]>;
}
