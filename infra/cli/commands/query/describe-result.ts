import type { SqlResult } from '../../../../lib/common/sql-result.ts';
import { toSafeLine } from '../../../../lib/common/text.ts';
import { count } from '../../terminal/format.ts';
import { formatTable } from '../../terminal/table.ts';
import { cutTo } from '../../terminal/terminal-text.ts';

/** Longer values are cut in the table. The other formats contain the whole values. */
const MAX_CELL_LENGTH = 100;

/** Formats the result of a statement as a table, followed by the number of rows. */
export function describeResult({ columns, rows, isTruncated }: SqlResult, maxRows: number): string[] {
  const head = columns.map(({ name }) => cell(name));
  const lines = formatTable([head, ...rows.map((row) => row.map(cell))], undefined);
  const more = isTruncated ? `; there are more, use --max-rows above ${maxRows}` : '';
  return [...lines, `(${count(rows.length, 'row')}${more})`];
}

function cell(value: string | null): string {
  return value === null ? 'NULL' : toSafeLine(cutTo(MAX_CELL_LENGTH, value));
}
