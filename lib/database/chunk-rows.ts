// Aurora DSQL allows at most 3,000 changed rows and 10 MiB per transaction. The limits here are lower, because a small
// transaction holds its locks for only a short time.
const MAX_ROWS = 2_500;
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Splits rows into chunks of at most 2,500 rows and 4 MiB, in order. A row that is larger than 4 MiB is the only row of
 * its chunk.
 *
 * @param sizeOf returns the size of a row in bytes
 */
export function chunkRows<Row>(rows: readonly Row[], sizeOf: (row: Row) => number): Row[][] {
  const chunks: Row[][] = [];
  let chunk: Row[] = [];
  let bytes = 0;
  for (const row of rows) {
    const size = sizeOf(row);
    if (chunk.length > 0 && (chunk.length === MAX_ROWS || bytes + size > MAX_BYTES)) {
      chunks.push(chunk);
      chunk = [];
      bytes = 0;
    }
    chunk.push(row);
    bytes += size;
  }
  if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}
