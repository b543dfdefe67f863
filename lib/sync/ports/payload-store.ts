/** What is needed of the offloaded records once they are stored; they are put there with the event that leads to them. */
export interface PayloadStore {
  /** The JSON list; null where there is none, or not any more. */
  read(payloadId: string): Promise<string | null>;
  /**
   * Forgets payloads that expired before `time`, a bounded number of them.
   * @returns how many; 0 where none is left
   */
  removeExpired(time: number): Promise<number>;
}
