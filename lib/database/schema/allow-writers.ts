import type { Database } from '../database.ts';
import { createRole, WRITER_ROLE } from './roles.ts';
import { runDefinition } from './run-definition.ts';

const GRANTS = [
  `GRANT USAGE ON SCHEMA projection TO ${WRITER_ROLE}`,
  `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA projection TO ${WRITER_ROLE}`,
];

const LIST_WRITERS = 'SELECT arn FROM sys.iam_pg_role_mappings WHERE pg_role_name = $1';

interface WriterRow {
  arn: string;
}

/**
 * Lets IAM roles connect as `query_writer` to an Aurora DSQL cluster, and grants `query_writer` access to the existing
 * tables. Call this function after each migration, because a new table has no grants. Existing grants and mappings are
 * kept.
 *
 * Source: Aurora DSQL User Guide, "Using database roles and IAM authentication".
 *
 * @param arns IAM role ARNs that `readWriters` in lib/database/database-address.ts has validated; the ARNs become part
 *   of a statement
 * @throws {DatabaseError} the cluster rejects a statement
 */
export async function allowWriters(database: Database, arns: readonly string[]): Promise<void> {
  await createRole(database, WRITER_ROLE);
  for (const grant of GRANTS) await runDefinition(database, grant);
  const { rows } = await database.query<WriterRow>(LIST_WRITERS, [WRITER_ROLE]);
  const allowed = new Set(rows.map(({ arn }) => arn));
  for (const arn of arns.filter((each) => !allowed.has(each))) await runDefinition(database, allow(arn));
}

const allow = (arn: string) => `AWS IAM GRANT ${WRITER_ROLE} TO '${arn}'`;
