/** What is to be said of rules that can be used. */
export interface Finding {
  /** An error is surely not what was meant; a note may be. */
  severity: 'error' | 'note';
  /** Where it is written, such as `datasets.game.keys.level-*`. */
  place: string;
  text: string;
}
