import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { createMigrate } from '../../../functions/migrate.ts';
import { createLambdaContext } from '../../../infra/local/lambda-context.ts';
import { createLogger } from '../../../lib/aws/telemetry.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import type { Database } from '../../../lib/database/database.ts';
import { openPg } from '../../../lib/database/drivers/pg/open-pg.ts';
import { openDatabase } from '../../../lib/database/open-local.ts';
import { migrate } from '../../../lib/database/schema/migrate.ts';
import { createRole, READER_ROLE } from '../../../lib/database/schema/roles.ts';
import { createEmptyPostgresDatabase, DATABASES } from '../../fixtures/database/databases.ts';

const MIGRATIONS = [
  '0001-query-store.sql',
  '0002-sync-store.sql',
  '0003-query-by-key.sql',
  '0004-stream-progress.sql',
  '0005-identity-pools.sql',
  '0006-identities.sql',
  '0007-push.sql',
  '0008-backfill.sql',
  '0009-service-limits.sql',
  '0010-growth.sql',
  '0011-stream-identity.sql',
  '0012-bulk-publish-waiting.sql',
  '0013-deleted-identities.sql',
  '0014-erasure.sql',
  '0015-deleted-merges.sql',
  '0016-payload-parts.sql',
  '0017-receipts.sql',
  '0018-move.sql',
  '0019-service-on-dsql.sql',
  '0020-imports.sql',
  '0021-discarded-imports.sql',
  '0022-take-over.sql',
  '0023-bridge.sql',
  '0024-query-api.sql',
  '0026-finish-move.sql',
  '0028-query-reads.sql',
  '0029-deleted-replicas.sql',
  '0030-followed-shards.sql',
  '0031-quarantine-outcome.sql',
];

describe.each(DATABASES)('migrations on $name', ({ openEmpty }) => {
  let database: Database;
  afterEach(() => database.close());

  it('run only once', async () => {
    database = await openEmpty();
    expect(await migrate(database)).toEqual(MIGRATIONS);
    expect(await migrate(database)).toEqual([]);
  });

  it('run again completely after an interruption, even statements that already ran', async () => {
    database = await openEmpty();
    await migrate(database);
    await database.query('UPDATE projection.migrations SET completed_at = NULL');
    await database.query('DROP VIEW query.quarantine');
    await database.query('DROP TABLE sync.outbox');
    expect(await migrate(database)).toEqual(MIGRATIONS);
    expect((await database.query('SELECT * FROM query.quarantine')).rows).toEqual([]);
    expect((await database.query('SELECT * FROM sync.outbox')).rows).toEqual([]);
  });

  it('can run concurrently', async () => {
    database = await openEmpty();
    await Promise.all(Array.from({ length: 4 }, () => migrate(database)));
    expect(await migrate(database)).toEqual([]);
    expect((await database.query('SELECT * FROM query.records')).rows).toEqual([]);
  });
});

describe('a PostgreSQL user without CREATEROLE', () => {
  it('gets an error with the command for an administrator, and can migrate once the role exists', async () => {
    const url = new URL(await createEmptyPostgresDatabase());
    const admin = openPg({ connectionString: url.href });
    const name = `user_${randomUUID().replaceAll('-', '')}`;
    const [{ current_database } = { current_database: '' }] = (
      await admin.query<{ current_database: string }>('SELECT current_database()')
    ).rows;
    await admin.query(`CREATE ROLE ${name} LOGIN PASSWORD 'secret'`);
    await admin.query(`GRANT ALL ON DATABASE ${current_database} TO ${name}`);
    Object.assign(url, { username: name, password: 'secret' });
    const database = openPg({ connectionString: url.href });
    await expect(createRole(database, `role_of_${name}`)).rejects.toThrow(
      `permission denied to create role; have an administrator run CREATE ROLE role_of_${name}, or grant this user CREATEROLE`,
    );
    await createRole(admin, READER_ROLE);
    expect(await migrate(database)).toEqual(MIGRATIONS);
    await database.close();
    await admin.close();
  });
});

it('migrate names a migration that failed halfway, and completes it after the cause is fixed', async () => {
  const url = await createEmptyPostgresDatabase();
  const database = openPg({ connectionString: url });
  await database.query('CREATE SCHEMA projection');
  await database.query('CREATE VIEW projection.records AS SELECT 1 AS mine');
  const run = createMigrate({
    database,
    address: { kind: 'postgresql', url },
    roles: { queryStore: [], service: [], readers: [] },
    logger: createLogger('migrate'),
  });
  const context = createLambdaContext('migrate', 'us-east-1');
  await expect(run({}, context)).rejects.toThrow(
    /^the database test_\w+ at \S+: migration 0001-query-store\.sql failed: .*; fix the cause and run the migration again/,
  );
  await database.query('DROP VIEW projection.records');
  expect(await run({}, context)).toEqual({ migrations: MIGRATIONS, skipped: [] });
  await database.close();
});

describe.each(['LATIN1', 'SQL_ASCII'])('a database with the encoding %s', (encoding) => {
  const PROBLEM = `cannot be used: unsupported encoding ${encoding}; use a database created with ENCODING 'UTF8' TEMPLATE template0`;

  it('is rejected by `migrate`, which changes nothing', async () => {
    const url = await createEmptyPostgresDatabase(encoding);
    const database = openPg({ connectionString: url });
    const run = createMigrate({
      database,
      address: { kind: 'postgresql', url },
      roles: { queryStore: [], service: [], readers: [] },
      logger: createLogger('migrate'),
    });
    await expect(run({}, createLambdaContext('migrate', 'us-east-1'))).rejects.toThrow(PROBLEM);
    expect((await database.query("SELECT 1 FROM pg_namespace WHERE nspname = 'projection'")).rows).toEqual(
      [],
    );
    await database.close();
  });

  it('is rejected when the local cloud starts', async () => {
    const opened = openDatabase('unused', await createEmptyPostgresDatabase(encoding));
    await expect(opened).rejects.toThrow(SetupError);
    await expect(opened).rejects.toThrow(PROBLEM);
  });
});
