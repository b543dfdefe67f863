import type { SqlTable } from './model.ts';

/** A decimal number as PostgreSQL writes it. Only one part can match each digit, so that the time is linear. */
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;
const SPECIAL = /^(?:NaN|-?Infinity)$/;

export interface Bar {
  name: string | null;
  /** The value as the database wrote it, with all digits; null if the row has no value. */
  value: string | null;
  /** The length of the bar relative to the longest bar, from 0 to 1. Null if the row has no number. */
  size: number | null;
}

/**
 * Returns the indexes of the columns that a chart can draw: those with at least one number, and otherwise only null,
 * NaN, Infinity and -Infinity.
 */
export function numericColumns({ columns, rows }: Pick<SqlTable, 'columns' | 'rows'>): number[] {
  return columns.flatMap((_, index) => {
    const texts = rows.flatMap((row) => row[index] ?? []);
    const isNumeric =
      texts.some((text) => NUMBER.test(text)) &&
      texts.every((text) => NUMBER.test(text) || SPECIAL.test(text));
    return isNumeric ? [index] : [];
  });
}

/**
 * Returns the bars of a chart. Infinity, and numbers that a JavaScript number cannot represent, have the longest bar.
 * @param value index of a column that `numericColumns` returned
 * @param name index of the column with the names of the rows
 */
export function toBars(
  rows: SqlTable['rows'],
  { value, name }: Readonly<Record<'value' | 'name', number>>,
): Bar[] {
  const found = rows.map((row) => ({ name: row[name] ?? null, value: row[value] ?? null }));
  const sizes = found.map((bar) => (bar.value === null ? Number.NaN : Math.abs(Number(bar.value))));
  const largest = Math.max(0, ...sizes.filter(Number.isFinite));
  return found.map((bar, index) => {
    const size = sizes[index] ?? Number.NaN;
    if (Number.isNaN(size)) return { ...bar, size: null };
    return { ...bar, size: size === Number.POSITIVE_INFINITY ? 1 : largest === 0 ? 0 : size / largest };
  });
}
