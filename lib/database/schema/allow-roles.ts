import type { Database } from '../database.ts';
import { createRole, READER_ROLE, SERVICE_ROLE, WRITER_ROLE } from './roles.ts';
import { runDefinition } from './run-definition.ts';

/** The IAM roles that may connect to a cluster, by the database role that they get. */
export interface AllowedRoles {
  /** The functions of the query store, as `query_writer`. */
  queryStore: readonly string[];
  /** The functions of the service, as `service_writer`. */
  service: readonly string[];
  /** The query API, as `query_reader`. */
  readers: readonly string[];
}

/** The schemas whose rows a role can change. */
const SCHEMAS = { [WRITER_ROLE]: ['projection'], [SERVICE_ROLE]: ['sync', 'identity', 'move'] };

/**
 * Tables of other schemas whose rows a role can add and change. A migration follows the stream of another service, the
 * origin. Like the projection, it stores the versions that it assigns to removals that arrive on the stream without a
 * date.
 */
const TABLES = { [WRITER_ROLE]: [], [SERVICE_ROLE]: ['projection.dated_removals'] };

const LIST_ALLOWED = 'SELECT arn FROM sys.iam_pg_role_mappings WHERE pg_role_name = $1';

/**
 * Lets IAM roles connect as `query_writer`, `service_writer` or `query_reader` to an Aurora DSQL cluster, and grants the
 * writers access to the existing tables. Call this function after each migration, because a new table has no grants. The
 * migrations create `query_reader` with its grants. Existing grants and mappings are kept. Creates `service_writer` only if
 * a role needs it.
 *
 * Source: Aurora DSQL User Guide, "Using database roles and IAM authentication".
 *
 * @param roles IAM role ARNs that `readAllowedRoles` in lib/database/database-address.ts has validated; the ARNs become
 *   part of a statement
 * @throws {DatabaseError} the cluster rejects a statement
 */
export async function allowRoles(
  database: Database,
  { queryStore, service, readers }: AllowedRoles,
): Promise<void> {
  await allowWriters(database, WRITER_ROLE, queryStore);
  if (service.length > 0) await allowWriters(database, SERVICE_ROLE, service);
  await mapRole(database, READER_ROLE, readers);
}

async function allowWriters(
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
  for (const table of TABLES[role]) {
    await runDefinition(database, `GRANT USAGE ON SCHEMA ${table.split('.')[0]} TO ${role}`);
    await runDefinition(database, `GRANT SELECT, INSERT, UPDATE ON ${table} TO ${role}`);
  }
  await mapRole(database, role, arns);
}

async function mapRole(database: Database, role: string, arns: readonly string[]): Promise<void> {
  const { rows } = await database.query<{ arn: string }>(LIST_ALLOWED, [role]);
  const allowed = new Set(rows.map(({ arn }) => arn));
  for (const arn of arns.filter((each) => !allowed.has(each))) {
    await runDefinition(database, `AWS IAM GRANT ${role} TO '${arn}'`);
  }
}
