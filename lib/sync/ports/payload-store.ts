/**
 * Reads and removes the payloads of offloaded events. A payload is written together with the event that links to it.
 */
export interface PayloadStore {
  /** Returns the JSON list; null if the payload does not exist or was deleted. */
  read(payloadId: string): Promise<string | null>;
  /** Deletes a payload. A payload that does not exist is ignored. */
  remove(payloadId: string): Promise<void>;
  /** Sets the expiry of payloads, in epoch milliseconds. Payloads that do not exist are ignored. */
  extend(payloadIds: readonly string[], expiresAt: number): Promise<void>;
  /**
   * Deletes a bounded number of payloads that expired before `time` and whose events are not in the outbox. The payload
   * of an event that waits or is parked is kept, because the event is useless without it.
   * @returns the number of deleted payloads; 0 if no such payload is left
   */
  removeExpired(time: number): Promise<number>;
}
