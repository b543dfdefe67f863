import type { Delivery } from './delivery.ts';

/** A delivery that is kept because it could not be projected. */
export interface QuarantinedDelivery {
  quarantineId: string;
  reason: string;
  delivery: Delivery;
}

/** What redriving needs of a query store. */
export interface QuarantineStore {
  /**
   * Deliveries that were not redriven yet, in the order of their arrival.
   * @param after the last one of the page before; null for the first page
   */
  readQuarantined(after: QuarantinedDelivery | null, limit: number): Promise<QuarantinedDelivery[]>;
  /** It was projected, or is given up. */
  markRedriven(quarantineId: string): Promise<void>;
  /** Why it still cannot be projected. */
  keepReason(quarantineId: string, reason: string): Promise<void>;
}
