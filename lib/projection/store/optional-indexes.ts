import { SetupError } from '../../common/errors.ts';
import type { Database } from '../../database/database.ts';
import { inDialect } from '../../database/dialect.ts';
import { awaitIndexes } from '../../database/schema/await-indexes.ts';

/**
 * The indexes of the records that an operator can add or drop. `changes`, the index on projected_at, exists from the
 * start. The others are on values, for the records with one key: `numeric`, on the numeric_value, and `text`, on the first
 * 64 characters of the record_value, because the size of an index entry is limited.
 */
export type OptionalIndexName = 'numeric' | 'text' | 'changes';

export interface OptionalIndex {
  name: OptionalIndexName;
  /** `broken`: the build was interrupted. The index answers no query, but still slows down writes. */
  state: 'absent' | 'building' | 'broken' | 'ready';
  bytes: number;
}

export interface OptionalIndexes {
  list(): Promise<OptionalIndex[]>;
  /** Returns whether the index answers queries. Cheaper than `list`, because queries ask each time. */
  isReady(name: OptionalIndexName): Promise<boolean>;
  /**
   * Builds the index without blocking writes. A broken index is built again.
   *
   * @param announce called before the index is built, if a build is necessary
   * @returns whether a build was necessary
   * @throws {SetupError} another session is building the index
   */
  add(name: OptionalIndexName, announce?: () => void): Promise<boolean>;
  /** Drops the index. @returns whether it existed */
  drop(name: OptionalIndexName): Promise<boolean>;
}

// `text` matches the expression that query.records_with queries.
const INDEXES: Record<OptionalIndexName, { relation: string; columns: string }> = {
  numeric: { relation: 'records_by_number', columns: 'record_id, numeric_value, dataset_id' },
  text: { relation: 'records_by_text', columns: 'record_id, left(record_value, 64), dataset_id' },
  changes: { relation: 'records_by_projected_at', columns: 'projected_at' },
};
export const OPTIONAL_INDEX_NAMES = Object.keys(INDEXES) as OptionalIndexName[];

/** Finds the table by name, because a cast to regclass needs a right to use the schema, which readers do not have. */
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

// Aurora DSQL reports neither sizes nor which index a running build is for. So `building` is true if any index is being
// built.
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

interface IndexRow {
  relation: string;
  valid: boolean;
  bytes: number;
  building: boolean;
}

/**
 * Returns an SQL condition: whether the index answers queries. PostgreSQL evaluates the condition with the index of
 * pg_class on the names.
 */
export const isIndexReady = (name: OptionalIndexName) => `EXISTS (
  SELECT 1 FROM pg_class AS relations
  JOIN pg_namespace AS namespaces ON namespaces.oid = relations.relnamespace
  JOIN pg_index AS indexes ON indexes.indexrelid = relations.oid
  WHERE relations.relname = '${INDEXES[name].relation}' AND namespaces.nspname = 'projection'
    AND indexes.indisvalid)`;

const ATTEMPTS = 3;

/** Creates an `OptionalIndexes` on any `Database`. The database user must own the tables. */
export function createOptionalIndexes(database: Database): OptionalIndexes {
  const isDsql = database.dialect === 'dsql';

  async function list(): Promise<OptionalIndex[]> {
    const { rows } = await database.query<IndexRow>(isDsql ? FIND_ON_DSQL : FIND);
    return OPTIONAL_INDEX_NAMES.map((name) => {
      const row = rows.find(({ relation }) => relation === INDEXES[name].relation);
      return { name, state: stateOf(row), bytes: row?.bytes ?? 0 };
    });
  }

  async function stateNow(name: OptionalIndexName): Promise<OptionalIndex['state']> {
    return (await list()).find((index) => index.name === name)?.state ?? 'absent';
  }

  async function drop(name: OptionalIndexName): Promise<boolean> {
    if ((await stateNow(name)) === 'absent') return false;
    const statement = `DROP INDEX CONCURRENTLY IF EXISTS projection.${INDEXES[name].relation}`;
    await database.query(inDialect(database.dialect, statement));
    return true;
  }

  async function build(name: OptionalIndexName): Promise<void> {
    const { relation, columns } = INDEXES[name];
    const statement = `CREATE INDEX CONCURRENTLY IF NOT EXISTS ${relation} ON projection.records (${columns})`;
    await database.query(inDialect(database.dialect, statement));
    if (isDsql) await awaitIndexes(database);
  }

  return {
    list,
    async isReady(name) {
      const { rows } = await database.query<{ ready: boolean }>(`SELECT ${isIndexReady(name)} AS ready`);
      return rows[0]?.ready === true;
    },
    drop,
    async add(name, announce) {
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
        if (builds === 0) announce?.();
        if (state === 'broken') await drop(name);
        await build(name);
      }
      throw new SetupError(`the build of index ${name} was interrupted ${ATTEMPTS} times; try again`);
    },
  };
}

function stateOf(row: IndexRow | undefined): OptionalIndex['state'] {
  if (row === undefined) return 'absent';
  if (row.valid) return 'ready';
  return row.building ? 'building' : 'broken';
}
