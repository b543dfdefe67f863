/** In which words a database takes what is said to it. */
export type Dialect = 'postgresql' | 'dsql';

// As many digits as numericValue takes, on either side of the point. Without a size Aurora DSQL makes it numeric(18,6),
// and rounds or refuses what is larger.
const NUMERIC = 'numeric(80,40)';

/**
 * A statement that makes or alters our tables, as this database takes it: Aurora DSQL builds indexes in the background
 * alone, has no index made or dropped CONCURRENTLY, and a size of its own for `numeric`; and IAM, not LOGIN, says there
 * who may be a role.
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
