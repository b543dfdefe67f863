// Aurora DSQL changes at most 3,000 rows and 10 MiB in a transaction; a smaller one also holds its locks shorter.
const MAX_ROWS = 2_500;
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Cuts rows, in their order, into runs of at most 2,500 rows and 4 MiB. A row larger than that stands alone.
 * @param sizeOf bytes that count for a row
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
