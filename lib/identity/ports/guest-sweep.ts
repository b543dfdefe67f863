/** The database operations of the guest sweep. */
export interface GuestSweep {
  /** Removes the stored merges of identities that were deleted before this time, in epoch milliseconds. */
  removeDeletedMerges(before: number): Promise<void>;
  /**
   * Checks the next identities. Removes the guests, with their devices, that never had a dataset and have not been used
   * since `unusedSince` (epoch milliseconds). A guest is an identity without logins. An identity that was merged into
   * another identity is removed like a guest, unless its datasets may still be moved.
   *
   * @param after the `last` of the previous step; an empty text for the first step
   * @returns `last`: the identity after which the next step starts; null if all identities were checked
   */
  sweepStep(after: string, unusedSince: number): Promise<{ swept: number; last: string | null }>;
}
