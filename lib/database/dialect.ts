/** The SQL dialect of a database. */
export type Dialect = 'postgresql' | 'dsql';

// This type allows as many digits as `numericValue` does, on either side of the decimal point. Without a size, Aurora
// DSQL uses numeric(18,6) and rounds or rejects values with more digits.
const NUMERIC = 'numeric(80,40)';

/**
 * Translates a statement that creates or alters our tables into the dialect. Aurora DSQL builds indexes only in the
 * background and does not support CONCURRENTLY for creating or dropping an index. Aurora DSQL has its own default size
 * of `numeric`. In Aurora DSQL, a role needs LOGIN, and IAM decides who may use the role.
 *
 * Source: Aurora DSQL User Guide, "Asynchronous indexes", "Supported data types", "Using database roles and IAM
 * authentication" (September 2026).
 */
export function inDialect(dialect: Dialect | undefined, statement: string): string {
  if (dialect !== 'dsql') return statement;
  if (/^(?:CREATE|ALTER)\s+TABLE\b/i.test(statement))
    return statement.replace(/\bnumeric\b(?!\s*\()/gi, NUMERIC);
  return statement
    .replace(/^CREATE\s+ROLE\s+\w+$/i, '$& WITH LOGIN')
    .replace(/^(CREATE\s+(?:UNIQUE\s+)?INDEX)(?:\s+CONCURRENTLY)?\b/i, '$1 ASYNC')
    .replace(/^(DROP\s+INDEX)\s+CONCURRENTLY\b/i, '$1');
}

/**
 * Removes COLLATE "C" from a statement that runs on Aurora DSQL. The only collation of Aurora DSQL is C, and the
 * documentation does not mention COLLATE.
 *
 * Source: Aurora DSQL User Guide, "Migrating from PostgreSQL" (September 2026).
 */
export function withoutCollation(statement: string): string {
  return statement.replaceAll(' COLLATE "C"', '');
}
