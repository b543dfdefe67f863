export type OutboxStream = string | null;

/** An event that waits to be published, taken out under a lease. */
export interface OutboxRow {
  outboxId: string;
  /** The stream of its pool when it was written; null where it is of a time when there was but one. */
  streamName: OutboxStream;
  partitionKey: string;
  /** The stream event, serialised. */
  event: string;
  /** How often the row has been claimed, this time included; with the id it names one claim. */
  attempts: number;
}

/** A claim that came to nothing, and how long its row is to rest. */
export interface PostponedClaim extends Pick<OutboxRow, 'outboxId' | 'attempts'> {
  delayMs: number;
}

/** What the relay needs of the outbox. The database's clock decides about leases: relays run on several hosts. */
export interface Outbox {
  /**
   * Takes the oldest rows that are neither parked nor under a lease, for `leaseMs`. Several claimers at once never
   * get the same row; one of them may then get fewer rows than there are, or none.
   * @param limit most rows; it may be fewer where they are large
   * @param of the streams whose rows are taken: all unless given
   * @returns oldest first
   */
  claim(limit: number, leaseMs: number, of?: StreamChoice): Promise<OutboxRow[]>;
  /** Deletes rows; ids that are not there are none of its business. */
  remove(outboxIds: readonly string[]): Promise<void>;
  /** Ends claims before their lease does. A row that somebody else has claimed meanwhile is left alone. */
  postpone(claims: readonly PostponedClaim[]): Promise<void>;
  /** Sets a row aside for good, until a person looks at it. */
  park(outboxId: string, reason: string): Promise<void>;
}

export type StreamChoice = { only: OutboxStream } | { allBut: readonly OutboxStream[] };

/** What the relay needs of the identity pools. */
export interface StreamingSwitch {
  /**
   * Disables streaming of the pools that stream to it, and says why there.
   * @returns how many; 0 where none streams to it any more
   */
  disable(stream: OutboxStream, reason: string): Promise<number>;
}

export interface PublishEntry {
  partitionKey: string;
  data: Uint8Array;
}

/**
 * `error` is a code, fit for a log. `retryable`: the refusal is the stream's state, not the entry itself. `noStream`:
 * there is no stream of that name.
 */
export type PublishOutcome = 'published' | { error: string; retryable: boolean; noStream?: true };

/** Publishes to a stream. Failures are outcomes: it does not throw. */
export interface EventPublisher {
  /** @returns one outcome per entry, in the order of the entries */
  publish(streamName: string, entries: readonly PublishEntry[]): Promise<PublishOutcome[]>;
}
