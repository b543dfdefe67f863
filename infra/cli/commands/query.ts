import { SetupError } from '../../../lib/common/errors.ts';
import type { SqlResult } from '../../../lib/common/sql-result.ts';
import { SqlError } from '../../../lib/database/read-sql.ts';
import { DEFAULT_SQL_ROWS, MAX_SQL_ROWS } from '../../../lib/query/ports/sql-runner.ts';
import { createSqlRunner } from '../../../lib/query/store/sql-runner.ts';
import { readCommandLine, readNumber } from '../arguments.ts';
import { type Command, type CommandDeps, UsageError } from '../command.ts';
import { printJson } from '../terminal/print-json.ts';
import { csvLine } from './query/csv-line.ts';
import { describeResult } from './query/describe-result.ts';

type Format = 'table' | 'json' | 'csv';

/** Runs one SQL statement that only reads, and prints its rows. */
export const query: Command = {
  prepare(args) {
    // `parseArgs` would read SQL that starts with a comment as an option.
    const commented = args.filter(isCommented);
    const options = args.filter((argument) => !isCommented(argument));
    const { values, positionals } = readCommandLine(options, {
      csv: { type: 'boolean', default: false },
      'max-rows': { type: 'string' },
    });
    const [sql, ...more] = [...positionals, ...commented];
    if (!sql?.trim() || more.length > 0) {
      throw new UsageError('query takes one SQL statement in quotes, such as "select * from query.records"');
    }
    if (values.csv && values.json) throw new UsageError('query takes either --json or --csv');
    const maxRows =
      values['max-rows'] === undefined
        ? DEFAULT_SQL_ROWS
        : readNumber('--max-rows', values['max-rows'], { min: 1, max: MAX_SQL_ROWS });
    const format = values.csv ? 'csv' : values.json ? 'json' : 'table';
    return (deps) => run({ sql, maxRows, format }, deps);
  },
};

/** Returns whether an argument is SQL that starts with a comment (`-- …`). No option contains white space. */
const isCommented = (argument: string): boolean => /^--.*\s/s.test(argument);

async function run(
  { sql, maxRows, format }: { sql: string; maxRows: number; format: Format },
  deps: CommandDeps,
): Promise<void> {
  const result = await read(deps, sql, maxRows);
  if (format === 'json') {
    const { columns, rows, isTruncated: truncated } = result;
    return printJson(deps.print, { columns, rows, truncated });
  }
  if (format === 'csv') return writeCsv(deps, result, maxRows);
  for (const line of describeResult(result, maxRows)) deps.print(line);
}

/** @throws {SetupError} the statement is invalid, not allowed, too slow, or has too large a result */
async function read({ queries }: CommandDeps, sql: string, maxRows: number): Promise<SqlResult> {
  try {
    return await createSqlRunner(queries).run(sql, maxRows);
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    const at = error.position === null ? '' : ` (at character ${error.position})`;
    throw new SetupError(`the statement failed: ${error.message}${at}`);
  }
}

/**
 * Writes the rows as CSV. A note about rows that were left out goes to standard error, because standard output may be a
 * file.
 */
async function writeCsv(
  { write, progress }: CommandDeps,
  { columns, rows, isTruncated }: SqlResult,
  maxRows: number,
): Promise<void> {
  await write(csvLine(columns.map(({ name }) => name)));
  for (const row of rows) await write(csvLine(row));
  if (isTruncated)
    progress({ text: `more than ${maxRows} rows; the others were left out, use a higher --max-rows` });
}
