import { ValueRefusedError } from '../../common/errors.ts';
import type { SqlValue, Transaction } from '../../database/database.ts';
import type { PageRequest, Position, QueryPage } from '../model.ts';
import { invalidCursor } from '../ports/query-reader.ts';

/** Maximum bytes of keys and values on a page. The first record of a page may be larger; the page then ends after it. */
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Limits a statement that selects the next rows of records to MAX_BYTES of keys and values.
 *
 * @param columns the columns of `rows` that the statement returns
 * @param rows a SELECT that has a LIMIT and the columns `record_key` and `record_value`
 * @param order columns of `rows`, with their directions
 */
export const withinBytes = (columns: string, rows: string, order: string) => `
SELECT ${columns}, found_rows FROM (
  SELECT found.*, row_number() OVER in_order AS place, count(*) OVER () AS found_rows,
    sum(octet_length(record_key) + coalesce(octet_length(record_value), 0)) OVER in_order AS bytes
  FROM (${rows}) AS found
  WINDOW in_order AS (ORDER BY ${order})
) AS placed
WHERE place = 1 OR bytes <= ${MAX_BYTES}
ORDER BY place`;

/**
 * Returns the position after which a page starts, as parameters.
 *
 * @param first the position before the first row of the list
 * @throws {QueryError} `invalid-cursor`: the position has another number of values
 */
export function startAfter<Value extends SqlValue>(
  after: Position | null,
  first: readonly Value[],
): readonly (Value | string)[] {
  if (after === null) return first;
  if (after.length !== first.length) throw invalidCursor();
  return after;
}

/**
 * Waits for a statement whose values contain a position.
 *
 * @throws {QueryError} `invalid-cursor`: the position has values of other types
 */
export function atPosition<Result>(after: Position | null, reading: Promise<Result>): Promise<Result> {
  return reading.catch((error: unknown) => {
    throw after !== null && error instanceof ValueRefusedError ? invalidCursor() : error;
  });
}

/**
 * Runs a statement that selects the next rows of a list.
 *
 * @param values the statement's parameters, except for the last one, which must be the limit
 * @param toItem converts a row; null leaves the row out
 * @param positionOf the position of a row in the order of the statement
 * @param endOf the position after the last row of the list; null if no later call continues there
 * @throws {QueryError} `invalid-cursor`: the position has values of other types
 */
export async function readPage<Row, Item>(
  on: Transaction,
  { sql, values, page: { limit, after } }: { sql: string; values: readonly SqlValue[]; page: PageRequest },
  toItem: (row: Row) => Item | null,
  positionOf: (row: Row) => Position,
  endOf: (row: Row) => Position | null = () => null,
): Promise<QueryPage<Item>> {
  const reading = on.query<Row & { found_rows?: number }>(sql, [...values, limit]);
  const { rows } = await atPosition(after, reading);
  const last = rows.at(-1);
  const isEnd = last === undefined || (last.found_rows ?? rows.length) < limit;
  const isCut = last?.found_rows !== undefined && rows.length < last.found_rows;
  return {
    items: rows.map(toItem).filter((item) => item !== null),
    next: last === undefined ? null : isEnd && !isCut ? endOf(last) : positionOf(last),
  };
}
