import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { openPg } from '../../../lib/database/drivers/pg/open-pg.ts';
import { migrate } from '../../../lib/database/schema/migrate.ts';
import { readMigrations } from '../../../lib/database/schema/read-migrations.ts';
import { createOptionalIndexes } from '../../../lib/projection/store/optional-indexes.ts';
import { createEmptyPostgresDatabase } from '../../fixtures/database/databases.ts';
import { type DsqlDouble, openDsqlDouble } from '../../fixtures/database/dsql-double.ts';
import { storeStatements } from '../../fixtures/database/shipped-statements.ts';

const names = (await readMigrations()).map(({ name }) => name);
let server: Database;
let double: DsqlDouble;
beforeEach(async () => {
  server = openPg({ connectionString: await createEmptyPostgresDatabase() });
  double = await openDsqlDouble(server);
});
afterEach(() => server.close());

const runningJobs = async () =>
  (await server.query(`SELECT 1 FROM sys.jobs WHERE status <> 'completed'`)).rows.length;

describe('migrations in the dialect of Aurora DSQL', () => {
  it('use only supported statements, and wait until their indexes are built', async () => {
    expect(await migrate(double.database)).toEqual(names);
    const indexes = double.statements.filter((sql) => sql.startsWith('CREATE INDEX'));
    expect(indexes.length).toBeGreaterThan(10);
    expect(indexes.every((sql) => sql.startsWith('CREATE INDEX ASYNC IF NOT EXISTS'))).toBe(true);
    expect(await runningJobs()).toBe(0);
    expect(await migrate(double.database)).toEqual([]);
  });

  it('store numbers with 40 integer and 40 fractional digits', async () => {
    await migrate(double.database);
    const { rows } = await server.query(
      `SELECT numeric_precision, numeric_scale FROM information_schema.columns
       WHERE table_schema = 'projection' AND column_name = 'numeric_value'`,
    );
    expect(rows).toEqual([{ numeric_precision: 80, numeric_scale: 40 }]);
  });

  it('name an index that cannot be built, and build it when they run again', async () => {
    double.unbuildable.add('records_by_projected_at');
    await expect(migrate(double.database)).rejects.toThrow(
      'migration 0001-query-store.sql failed: could not build the indexes projection.records_by_projected_at',
    );
    double.unbuildable.clear();
    expect(await migrate(double.database)).toEqual(names);
    const { rows } = await server.query(
      `SELECT indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid WHERE relname = 'records_by_projected_at'`,
    );
    expect(rows).toEqual([{ indisvalid: true }]);
  });

  it('skip and report unsupported functions, and fail on any other unsupported statement', async () => {
    double.refused.push(/FUNCTION query\.records_of/);
    const skipped: string[] = [];
    expect(await migrate(double.database, (statement) => skipped.push(statement))).toEqual(names);
    expect(skipped.map((statement) => statement.split(' ')[0])).toEqual(['CREATE', 'REVOKE', 'GRANT']);
    await server.query('UPDATE projection.migrations SET completed_at = NULL');
    double.refused.push(/VIEW query\.datasets/);
    await expect(migrate(double.database)).rejects.toThrow(
      'migration 0001-query-store.sql failed: not supported',
    );
  });

  it('create optional indexes asynchronously, and wait for them', async () => {
    await migrate(double.database);
    const indexes = createOptionalIndexes(double.database);
    expect(await indexes.add('numeric')).toBe(true);
    expect(await indexes.add('text')).toBe(true);
    expect((await indexes.list()).map(({ name, state }) => `${name} ${state}`)).toEqual([
      'numeric ready',
      'text ready',
      'changes ready',
    ]);
    expect(await runningJobs()).toBe(0);
    expect(await indexes.drop('text')).toBe(true);
    expect((await indexes.list()).find(({ name }) => name === 'text')?.state).toBe('absent');
  });
});

describe('the statements that are checked against the rules of Aurora DSQL', () => {
  // Whether PostgreSQL cannot prepare a statement: it is sent only to the embedded server, is valid only on Aurora
  // DSQL, or is a command such as SET, which PREPARE does not accept.
  const isElsewhere = ({ file, sql }: { file: string; sql: string }) =>
    file.endsWith('/pglite-worker.ts') ||
    /\bsys\./.test(sql) ||
    /^(BEGIN|COMMIT|ROLLBACK|SET|CREATE|DROP|ANALYZE|GRANT|AWS)\b/.test(sql);

  it('are all valid on PostgreSQL, so each was assembled correctly', async () => {
    await migrate(server);
    const all = storeStatements();
    // A statement that is the start of another statement is not complete.
    const isBeginning = ({ sql }: { sql: string }) =>
      all.some((other) => other.sql !== sql && other.sql.startsWith(sql));
    const whole = all.filter(
      (statement) => statement.isWhole && !isBeginning(statement) && !isElsewhere(statement),
    );
    expect(whole.length).toBeGreaterThan(140);
    await server.transaction(async (transaction) => {
      for (const [number, { file, sql }] of whole.entries()) {
        await transaction.query(`PREPARE statement_${number} AS ${sql}`).catch((error: unknown) => {
          throw new Error(`${file}: ${sql}`, { cause: error });
        });
      }
    });
  });
});
