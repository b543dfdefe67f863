import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Database, DatabaseError } from '../../lib/store/database.ts';
import { migrate } from '../../lib/store/migrate.ts';
import { openPg } from '../../lib/store/pg-database.ts';
import { createValueIndexes } from '../../lib/store/value-indexes.ts';
import { createPostgresDatabase } from '../fixtures/databases.ts';
import { DSQL_RULES } from '../fixtures/dsql-rules.ts';
import { storeStatements } from '../fixtures/shipped-statements.ts';

/**
 * PostgreSQL that is told what Aurora DSQL would be, refuses what that documents to refuse, and keeps jobs of indexes as
 * that does. What it answers is PostgreSQL's all the same: nothing of this was run on Aurora DSQL.
 */
interface Double {
  database: Database;
  statements: string[];
  /** Statements that it refuses besides, as not supported. */
  refused: RegExp[];
  /** Indexes that cannot be built. */
  unbuildable: Set<string>;
}

const MAKE_JOBS = [
  'CREATE SCHEMA sys',
  `CREATE TABLE sys.jobs (job_id text, job_type text, status text, details text)`,
  `CREATE PROCEDURE sys.wait_for_job(id text) LANGUAGE sql AS $$
     UPDATE sys.jobs SET status = 'completed' WHERE job_id = id $$`,
];

async function openDouble(server: Database): Promise<Double> {
  for (const statement of MAKE_JOBS) await server.query(statement);
  const statements: string[] = [];
  const refused: RegExp[] = [];
  const unbuildable = new Set<string>();
  let jobs = 0;

  async function index(sql: string): Promise<void> {
    const name = /ASYNC IF NOT EXISTS (\w+)/.exec(sql)?.[1] ?? '';
    await server.query(sql.replace(' ASYNC', ''));
    jobs += 1;
    await server.query(`INSERT INTO sys.jobs VALUES ('job-${jobs}', 'INDEX_BUILD', 'submitted')`);
    if (!unbuildable.has(name)) return;
    await server.query(
      `UPDATE pg_index SET indisvalid = false FROM pg_class WHERE oid = indexrelid AND relname = '${name}'`,
    );
  }

  const database: Database = {
    ...server,
    dialect: 'dsql',
    async query<Row>(sql: string, values?: Parameters<Database['query']>[1]) {
      statements.push(sql);
      const broken = DSQL_RULES.find(({ breaks }) => breaks(sql.trim()));
      if (broken || refused.some((pattern) => pattern.test(sql))) {
        throw new DatabaseError(`not supported: ${broken?.name ?? sql}`, '0A000');
      }
      if (!sql.includes(' ASYNC')) return server.query<Row>(sql, values);
      await index(sql);
      return { rows: [], rowsChanged: 0 };
    },
  };
  return { database, statements, refused, unbuildable };
}

let server: Database;
let double: Double;
beforeEach(async () => {
  server = openPg({ connectionString: await createPostgresDatabase() });
  double = await openDouble(server);
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
    file === 'pglite-worker.ts' ||
    /\bsys\./.test(sql) ||
    /^(BEGIN|COMMIT|ROLLBACK|CREATE|DROP|ANALYZE)\b/.test(sql);

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
