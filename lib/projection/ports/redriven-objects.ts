/** Remembers which objects of a failure destination were projected. The objects themselves stay where they are. */
export interface RedrivenObjects {
  /** Remembers an object. The call is idempotent. @param redrivenAt epoch milliseconds */
  keep(name: string, redrivenAt: number): Promise<void>;
  /** Returns the names that are remembered. */
  among(names: readonly string[]): Promise<Set<string>>;
}
