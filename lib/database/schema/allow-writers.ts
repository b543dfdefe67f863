import type { Database } from '../database.ts';
import { createRole, SERVICE_ROLE, WRITER_ROLE } from './roles.ts';
import { runDefinition } from './run-definition.ts';

/** The IAM roles that may connect to a cluster, by the database role that they get. */
export interface Writers {
  /** The functions of the query store. */
  queryStore: readonly string[];
  /** The functions of the service. */
  service: readonly string[];
}

/** The schemas whose rows a role can change. */
const SCHEMAS = { [WRITER_ROLE]: ['projection'], [SERVICE_ROLE]: ['sync', 'identity', 'move'] };

const LIST_WRITERS = 'SELECT arn FROM sys.iam_pg_role_mappings WHERE pg_role_name = $1';

interface WriterRow {
  arn: string;
}

/**
 * Lets IAM roles connect as `query_writer` or `service_writer` to an Aurora DSQL cluster, and grants these roles access
 * to the existing tables. Call this function after each migration, because a new table has no grants. Existing grants and
 * mappings are kept. Creates `service_writer` only if a role needs it.
 *
 * Source: Aurora DSQL User Guide, "Using database roles and IAM authentication".
 *
 * @param writers IAM role ARNs that `readWriters` in lib/database/database-address.ts has validated; the ARNs become
 *   part of a statement
 * @throws {DatabaseError} the cluster rejects a statement
 */
export async function allowWriters(database: Database, { queryStore, service }: Writers): Promise<void> {
  await allowRole(database, WRITER_ROLE, queryStore);
  if (service.length > 0) await allowRole(database, SERVICE_ROLE, service);
}

async function allowRole(
  database: Database,
  role: keyof typeof SCHEMAS,
  arns: readonly string[],
): Promise<void> {
  await createRole(database, role);
  for (const schema of SCHEMAS[role]) {
    await runDefinition(database, `GRANT USAGE ON SCHEMA ${schema} TO ${role}`);
    await runDefinition(
      database,
      `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${role}`,
    );
  }
  const { rows } = await database.query<WriterRow>(LIST_WRITERS, [role]);
  const allowed = new Set(rows.map(({ arn }) => arn));
  for (const arn of arns.filter((each) => !allowed.has(each))) {
    await runDefinition(database, `AWS IAM GRANT ${role} TO '${arn}'`);
  }
}
