import type { Delivery } from '../delivery.ts';

/** A delivery in quarantine because it could not be projected. */
export interface QuarantinedDelivery {
  quarantineId: string;
  reason: string;
  /** Null if the data is not an event. */
  identityPoolId: string | null;
  /** Epoch milliseconds. */
  quarantinedAt: number;
  /** When the delivery was projected or dismissed, in epoch milliseconds; null if it still waits. */
  redrivenAt: number | null;
  /**
   * True if the delivery was dismissed, false if it was projected. Null if it still waits, or if it was projected or
   * dismissed before the query store kept the outcome.
   */
  isDismissed: boolean | null;
  delivery: Delivery;
}

/** The part of a query store that redriving uses. Redriving projects quarantined deliveries again. */
export interface QuarantineStore {
  /**
   * Reads deliveries that are neither projected nor dismissed yet, in order of arrival.
   *
   * @param after the last delivery of the previous page; null for the first page
   */
  readQuarantined(after: QuarantinedDelivery | null, limit: number): Promise<QuarantinedDelivery[]>;
  /** Returns a delivery, even if it was projected or dismissed. Returns null if no delivery has this id, a UUID. */
  find(quarantineId: string): Promise<QuarantinedDelivery | null>;
  /** Returns the ids from `lowest` to `highest`, both UUIDs, in order; at most `limit`. */
  findIds(range: { lowest: string; highest: string }, limit: number): Promise<string[]>;
  /**
   * Marks deliveries as dismissed: bulk publishes no longer wait for them.
   *
   * @param quarantineIds UUIDs; unknown ids are ignored
   * @returns the number of deliveries that were waiting until now
   */
  dismiss(quarantineIds: readonly string[]): Promise<number>;
  /** Marks a delivery as projected, or as dismissed. */
  markRedriven(quarantineId: string, outcome: { isDismissed: boolean }): Promise<void>;
  /** Stores the current reason why the delivery cannot be projected. */
  keepReason(quarantineId: string, reason: string): Promise<void>;
}
