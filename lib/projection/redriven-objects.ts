/** Objects of a failure destination that were projected since. They themselves stay where they are. */
export interface RedrivenObjects {
  /** Once more changes nothing. @param redrivenAt epoch milliseconds */
  keep(name: string, redrivenAt: number): Promise<void>;
  /** Those of the names that were kept. */
  among(names: readonly string[]): Promise<Set<string>>;
}
