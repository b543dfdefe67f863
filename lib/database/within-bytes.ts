/**
 * Maximum bytes that one statement deletes. Aurora DSQL allows 10 MiB per transaction, including index entries. Whether
 * deleted rows count is not documented, so this limit assumes that they do.
 */
const MAX_BYTES = 4 * 1024 * 1024;

/** SQL for the size of a row of records, in the sync store and in the query store, as `withinBytes` needs it. */
export const RECORD_BYTES = 'octet_length(record_key) + coalesce(octet_length(record_value), 0) AS row_bytes';

/**
 * Returns SQL that selects the keys of the first rows: at least one row, and further rows up to 4 MiB in total. A
 * statement with this limit must be repeated until it changes no row.
 *
 * @param key the columns of the key
 * @param rows SQL that selects a limited number of rows: the key, and the size of the row as `row_bytes`
 */
export const withinBytes = (key: string, rows: string) => `
  SELECT ${key} FROM (
    SELECT sized.*, row_number() OVER in_order AS place, sum(row_bytes) OVER in_order AS total_bytes
    FROM (${rows}) AS sized
    WINDOW in_order AS (ORDER BY ${key})
  ) AS placed
  WHERE place = 1 OR total_bytes <= ${MAX_BYTES}`;
