import { SetupError } from '../../common/errors.ts';
import type { Database } from '../../database/database.ts';
import { inDialect } from '../../database/dialect.ts';
import { awaitIndexes } from '../../database/schema/await-indexes.ts';

/**
 * The optional indexes, which an operator can add. Each index contains the record's id and one more column: for
 * `numeric`, the numeric_value; for `text`, the first 64 characters of the record_value, because the size of an index
 * entry is limited.
 */
export type ValueIndexName = 'numeric' | 'text';

export interface ValueIndex {
  name: ValueIndexName;
  /** `broken`: the build was interrupted. The index answers no query, but still slows down writes. */
  state: 'absent' | 'building' | 'broken' | 'ready';
  bytes: number;
}

export interface ValueIndexes {
  list(): Promise<ValueIndex[]>;
  /** Returns whether the index answers queries. Cheaper than `list`, because queries ask each time. */
  isReady(name: ValueIndexName): Promise<boolean>;
  /**
   * Builds the index without blocking writes. A broken index is built again.
   *
   * @returns whether a build was necessary
   * @throws {SetupError} another session is building the index
   */
  add(name: ValueIndexName): Promise<boolean>;
  /** Drops the index. @returns whether it existed */
  drop(name: ValueIndexName): Promise<boolean>;
}

// `text` matches the expression that query.records_with queries.
const INDEXES: Record<ValueIndexName, { relation: string; columns: string }> = {
  numeric: { relation: 'records_by_number', columns: 'record_id, numeric_value, dataset_id' },
  text: { relation: 'records_by_text', columns: 'record_id, left(record_value, 64), dataset_id' },
};
export const VALUE_INDEX_NAMES = Object.keys(INDEXES) as ValueIndexName[];

/** By name, because a cast to regclass needs a right to use the schema, which readers do not have. */
const OF_RECORDS = `
JOIN pg_class AS tables ON tables.oid = indexes.indrelid
JOIN pg_namespace AS namespaces ON namespaces.oid = tables.relnamespace
WHERE namespaces.nspname = 'projection' AND tables.relname = 'records'`;

const FIND = `
SELECT
  relations.relname AS relation,
  indexes.indisvalid AS valid,
  pg_relation_size(relations.oid) AS bytes,
  EXISTS (SELECT 1 FROM pg_stat_progress_create_index AS builds WHERE builds.index_relid = relations.oid) AS building
FROM pg_index AS indexes
JOIN pg_class AS relations ON relations.oid = indexes.indexrelid
${OF_RECORDS}`;

// Aurora DSQL reports neither sizes nor which index a running build is for.
const FIND_ON_DSQL = `
SELECT
  relations.relname AS relation,
  indexes.indisvalid AS valid,
  0 AS bytes,
  EXISTS (
    SELECT 1 FROM sys.jobs WHERE job_type = 'INDEX_BUILD' AND status IN ('submitted', 'processing')
  ) AS building
FROM pg_index AS indexes
JOIN pg_class AS relations ON relations.oid = indexes.indexrelid
${OF_RECORDS}`;

/** $1: the name of the index. Uses the index of pg_class by name. */
const FIND_READY = `
SELECT indexes.indisvalid AS valid
FROM pg_class AS relations
JOIN pg_namespace AS namespaces ON namespaces.oid = relations.relnamespace
JOIN pg_index AS indexes ON indexes.indexrelid = relations.oid
WHERE relations.relname = $1::text AND namespaces.nspname = 'projection'`;

interface IndexRow {
  relation: string;
  valid: boolean;
  bytes: number;
  building: boolean;
}

const ATTEMPTS = 3;

/** Creates a `ValueIndexes` on any `Database`. The database user must own the tables. */
export function createValueIndexes(database: Database): ValueIndexes {
  const isDsql = database.dialect === 'dsql';

  async function list(): Promise<ValueIndex[]> {
    const { rows } = await database.query<IndexRow>(isDsql ? FIND_ON_DSQL : FIND);
    return VALUE_INDEX_NAMES.map((name) => {
      const row = rows.find(({ relation }) => relation === INDEXES[name].relation);
      return { name, state: stateOf(row), bytes: row?.bytes ?? 0 };
    });
  }

  async function stateNow(name: ValueIndexName): Promise<ValueIndex['state']> {
    return (await list()).find((index) => index.name === name)?.state ?? 'absent';
  }

  async function drop(name: ValueIndexName): Promise<boolean> {
    if ((await stateNow(name)) === 'absent') return false;
    const statement = `DROP INDEX CONCURRENTLY IF EXISTS projection.${INDEXES[name].relation}`;
    await database.query(inDialect(database.dialect, statement));
    return true;
  }

  async function build(name: ValueIndexName): Promise<void> {
    const { relation, columns } = INDEXES[name];
    const statement = `CREATE INDEX CONCURRENTLY IF NOT EXISTS ${relation} ON projection.records (${columns})`;
    await database.query(inDialect(database.dialect, statement));
    if (isDsql) await awaitIndexes(database);
  }

  return {
    list,
    async isReady(name) {
      const { rows } = await database.query<{ valid: boolean }>(FIND_READY, [INDEXES[name].relation]);
      return rows[0]?.valid === true;
    },
    drop,
    async add(name) {
      // Two concurrent builds wait for each other until the server cancels one of them. The index of the cancelled
      // build stays broken, so it is dropped and built again.
      for (let builds = 0; builds <= ATTEMPTS; builds += 1) {
        const state = await stateNow(name);
        if (state === 'ready') {
          // The planner has no statistics about the expression of the index `text` until ANALYZE runs. The embedded
          // database never runs ANALYZE by itself.
          if (builds > 0) await database.query('ANALYZE projection.records');
          return builds > 0;
        }
        if (state === 'building') {
          throw new SetupError(
            `index ${name} is already being built; run \`indexes\` to see when it is ready`,
          );
        }
        if (builds === ATTEMPTS) break;
        if (state === 'broken') await drop(name);
        await build(name);
      }
      throw new SetupError(`the build of index ${name} was interrupted ${ATTEMPTS} times; try again`);
    },
  };
}

function stateOf(row: IndexRow | undefined): ValueIndex['state'] {
  if (row === undefined) return 'absent';
  if (row.valid) return 'ready';
  return row.building ? 'building' : 'broken';
}
