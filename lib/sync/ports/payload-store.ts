/**
 * Reads and removes the payloads of offloaded events. A payload is written together with the event that links to it.
 */
export interface PayloadStore {
  /** Returns the JSON list; null if the payload does not exist or was deleted. */
  read(payloadId: string): Promise<string | null>;
  /** Deletes a payload. A payload that does not exist is ignored. */
  remove(payloadId: string): Promise<void>;
  /**
   * Deletes a bounded number of payloads that expired before `time`.
   * @returns the number of deleted payloads; 0 if no expired payload is left
   */
  removeExpired(time: number): Promise<number>;
}
