import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { openPg } from '../../../lib/database/drivers/pg/open-pg.ts';
import { migrate } from '../../../lib/database/schema/migrate.ts';
import { createValueIndexes } from '../../../lib/projection/store/value-indexes.ts';
import { createEmptyPostgresDatabase } from '../../fixtures/database/databases.ts';
import { type DsqlDouble, openDsqlDouble } from '../../fixtures/database/dsql-double.ts';
import { storeStatements } from '../../fixtures/database/shipped-statements.ts';

let server: Database;
let double: DsqlDouble;
beforeEach(async () => {
  server = openPg({ connectionString: await createEmptyPostgresDatabase() });
  double = await openDsqlDouble(server);
});
afterEach(() => server.close());

const jobsUnderWay = async () =>
  (await server.query(`SELECT 1 FROM sys.jobs WHERE status <> 'completed'`)).rows.length;

describe("migrations in Aurora DSQL's dialect", () => {
  it('say nothing that it refuses, and are over when their indexes are built', async () => {
    expect(await migrate(double.database)).toHaveLength(8);
    const indexes = double.statements.filter((sql) => sql.startsWith('CREATE INDEX'));
    expect(indexes.length).toBeGreaterThan(10);
    expect(indexes.every((sql) => sql.startsWith('CREATE INDEX ASYNC IF NOT EXISTS'))).toBe(true);
    expect(await jobsUnderWay()).toBe(0);
    expect(await migrate(double.database)).toEqual([]);
  });

  it('keep numbers of forty digits whole', async () => {
    await migrate(double.database);
    const { rows } = await server.query(
      `SELECT numeric_precision, numeric_scale FROM information_schema.columns
       WHERE table_schema = 'projection' AND column_name = 'numeric_value'`,
    );
    expect(rows).toEqual([{ numeric_precision: 80, numeric_scale: 40 }]);
  });

  it('fail where an index cannot be built, by its name, and build it when they are run again', async () => {
    double.unbuildable.add('records_by_projected_at');
    await expect(migrate(double.database)).rejects.toThrow(
      'the migration 0001-query-store.sql failed: could not build the indexes projection.records_by_projected_at',
    );
    double.unbuildable.clear();
    expect(await migrate(double.database)).toHaveLength(8);
    const { rows } = await server.query(
      `SELECT indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid WHERE relname = 'records_by_projected_at'`,
    );
    expect(rows).toEqual([{ indisvalid: true }]);
  });

  it('go on without functions for people, and say so; without anything else they do not', async () => {
    double.refused.push(/FUNCTION query\.records_of/);
    const skipped: string[] = [];
    expect(await migrate(double.database, (statement) => skipped.push(statement))).toHaveLength(8);
    expect(skipped.map((statement) => statement.split(' ')[0])).toEqual(['CREATE', 'REVOKE', 'GRANT']);
    await server.query('UPDATE projection.migrations SET completed_at = NULL');
    double.refused.push(/VIEW query\.datasets/);
    await expect(migrate(double.database)).rejects.toThrow(
      'the migration 0001-query-store.sql failed: not supported',
    );
  });

  it('have indexes on values built in its way', async () => {
    await migrate(double.database);
    const indexes = createValueIndexes(double.database);
    expect(await indexes.add('numeric')).toBe(true);
    expect(await indexes.add('text')).toBe(true);
    expect((await indexes.list()).map(({ name, state }) => `${name} ${state}`)).toEqual([
      'numeric ready',
      'text ready',
    ]);
    expect(await jobsUnderWay()).toBe(0);
    expect(await indexes.drop('text')).toBe(true);
    expect((await indexes.list()).find(({ name }) => name === 'text')?.state).toBe('absent');
  });
});

describe('the statements that the rules are held against', () => {
  // What is there on Aurora DSQL alone, and what no server but the embedded one is told.
  const isElsewhere = ({ file, sql }: { file: string; sql: string }) =>
    file.endsWith('/pglite-worker.ts') ||
    /\bsys\./.test(sql) ||
    /^(BEGIN|COMMIT|ROLLBACK|CREATE|DROP|ANALYZE|GRANT|AWS)\b/.test(sql);

  it('are all that PostgreSQL takes: nothing was put together wrongly', async () => {
    await migrate(server);
    const all = storeStatements();
    // One that others go on from is only their beginning.
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
