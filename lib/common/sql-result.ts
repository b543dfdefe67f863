/** The result of a statement that a reader of the database wrote. All values are in PostgreSQL's text format. */
export interface SqlResult {
  columns: { name: string; type: string }[];
  rows: (string | null)[][];
  /** Whether the statement has more rows than were asked for. */
  isTruncated: boolean;
}
