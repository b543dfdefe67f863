/** The database operations that finish a migration. */
export interface FinishStore {
  /**
   * Finishes the migration of a pool: from then on, nothing is followed, taken over or bridged. Datasets that wait for
   * the bridge remain marked, and a later copy continues with them.
   *
   * @param about `startedAt`: the start of the last copy. `identities`: how many identities had come from the origin
   *   when the caller started to look for replicas
   * @returns false if a process works on the pool, another copy has started, or identities were created since; then
   *   nothing is written
   */
  finish(
    identityPoolId: string,
    about: { startedAt: number; at: number; identities: number },
  ): Promise<boolean>;
  /** Counts the identities with a login at the origin that no one has used here yet. */
  countUnknownLogins(identityPoolId: string): Promise<number>;
  /** Returns the ids of these identities, at most `limit`. */
  listUnknownLogins(identityPoolId: string, limit: number): Promise<string[]>;
}
