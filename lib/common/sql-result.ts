/** The result of a reader's statement. All values are in PostgreSQL's text format. */
export interface SqlResult {
  columns: { name: string; type: string }[];
  rows: (string | null)[][];
  /** Whether the statement has more rows than were asked for. */
  isTruncated: boolean;
}
