import type { Delivery } from '../delivery.ts';

/** A delivery in quarantine because it could not be projected. */
export interface QuarantinedDelivery {
  quarantineId: string;
  reason: string;
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
  /** Marks a delivery as projected or dismissed. */
  markRedriven(quarantineId: string): Promise<void>;
  /** Stores the current reason why the delivery cannot be projected. */
  keepReason(quarantineId: string, reason: string): Promise<void>;
}
