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
 * Lets roles of IAM be `query_writer` in an Aurora DSQL cluster, and that use the tables that there are: to be called
 * after each migration, as one that comes is nobody's. Those that were allowed before stay so.
 *
 * Source: Aurora DSQL User Guide, "Using database roles and IAM authentication".
 *
 * @param arns of IAM roles, as `readWriters` of lib/database/database-address.ts lets through: they come to stand in a statement
 * @throws {DatabaseError} the cluster refuses a statement
 */
export async function allowWriters(database: Database, arns: readonly string[]): Promise<void> {
  await createRole(database, WRITER_ROLE);
  for (const grant of GRANTS) await runDefinition(database, grant);
  const { rows } = await database.query<WriterRow>(LIST_WRITERS, [WRITER_ROLE]);
  const allowed = new Set(rows.map(({ arn }) => arn));
  for (const arn of arns.filter((each) => !allowed.has(each))) await runDefinition(database, allow(arn));
}

const allow = (arn: string) => `AWS IAM GRANT ${WRITER_ROLE} TO '${arn}'`;
