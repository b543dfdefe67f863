import type { DatasetKey } from '../../common/dataset-key.ts';
import { SetupError } from '../../common/errors.ts';
import type { Database, SqlValue } from '../../database/database.ts';
import { datasetId, recordId } from '../../database/row-ids.ts';
import {
  createOptionalIndexes,
  isIndexReady,
  type OptionalIndexName,
} from '../../projection/store/optional-indexes.ts';
import { readStableTime, STANDBY_TIME, throwUnsupported } from '../../projection/store/stable-time.ts';
import type { PageRequest, Position, QueriedRecord, QueryPage, RecordChange } from '../model.ts';
import { type KeyFilter, type KeyOrder, QueryError } from '../ports/query-reader.ts';
import { atPosition, readPage, startAfter, withinBytes } from './page.ts';

interface RecordRow {
  identity_pool_id: string | null;
  identity_id: string;
  dataset_name: string;
  record_key: string;
  /** Null if the record is not live, or if the filters exclude it. */
  record_value: string | null;
  numeric_value: string | null;
  last_modified_ms: number;
  sync_count: number;
  device_last_modified_ms: number | null;
  projected_at: Date;
  /** The value by which the rows are ordered, as text with full precision. */
  position: string;
}

interface KeyRow extends RecordRow {
  dataset_id: string;
}

interface ChangeRow extends KeyRow {
  record_id: string;
  /** The next possible `projected_at`, as text with full precision. */
  next_position: string;
}

const FIRST_ID = '00000000-0000-0000-0000-000000000000';
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** What a page returns of each record, without the position. */
const COLUMNS = `identity_pool_id, identity_id, dataset_name, record_key, record_value, numeric_value, sync_count,
  last_modified_ms, device_last_modified_ms, projected_at`;

/**
 * A page of records with their datasets. The rows are limited before the filters apply, so a page never reads more than
 * its limit, even if the filters leave few rows.
 *
 * @param position the columns from which the position after a row is built
 */
const recordsIn = (position: string, rows: string, order: string, filter = 'true') =>
  withinBytes(
    `${COLUMNS}, ${position}`,
    `SELECT records.dataset_id, records.record_id, records.record_key, records.numeric_value,
      records.last_modified_ms, records.sync_count, records.device_last_modified_ms, records.projected_at,
      records.position, datasets.identity_pool_id, datasets.identity_id, datasets.dataset_name,
      CASE WHEN (datasets.removed_ms IS NULL
          OR (records.last_modified_ms, records.sync_count) > (datasets.removed_ms, datasets.removed_sync_count))
        AND ${filter} THEN records.record_value END AS record_value
    FROM (SELECT *, ${rows}) AS records
    LEFT JOIN query.dataset_versions AS datasets ON datasets.dataset_id = records.dataset_id`,
    order,
  );

/** $1: the dataset; $2: the record after which the page starts; $3: the limit. Uses the primary key. */
const READ_DATASET = recordsIn(
  'position',
  `record_id::text AS position FROM query.record_versions
    WHERE dataset_id = $1::uuid AND record_id > $2::uuid
    ORDER BY record_id LIMIT $3::int`,
  'record_id',
);

/**
 * $1: the time, and $2, $3: the ids of the record, after which the page starts; $4: the time before which the page
 * ends; $5: the limit. Uses the index on projected_at.
 */
const readChangesBefore = (end: string) =>
  recordsIn(
    "position, dataset_id, record_id, (projected_at + interval '1 microsecond')::text AS next_position",
    `projected_at::text AS position FROM query.record_versions
    WHERE (projected_at, dataset_id, record_id) > ($1::text::timestamptz, $2::uuid, $3::uuid)
      AND projected_at < ${end}
    ORDER BY projected_at, dataset_id, record_id LIMIT $5::int`,
    'projected_at, dataset_id, record_id',
  );
const READ_CHANGES = readChangesBefore(`least($4::text::timestamptz, ${STANDBY_TIME})`);
const READ_CHANGES_ON_DSQL = readChangesBefore('$4::text::timestamptz');

const MATCHES = `($4::text IS NULL OR datasets.identity_pool_id = $4::text)
  AND ($5::text IS NULL OR datasets.dataset_name = $5::text)`;

/**
 * $1: the id of the key; $2, $3: the position after which the page starts; $4, $5: pool and dataset; $6, $7: the
 * bounds; $8: the limit. Uses the index `numeric`; without it, reads nothing.
 */
const readByNumber = (operator: string, direction: string) =>
  recordsIn(
    'position, dataset_id',
    `numeric_value::text AS position FROM query.record_versions
    WHERE record_id = $1::uuid AND (numeric_value, dataset_id) ${operator} ($2::text::numeric, $3::uuid)
      AND numeric_value >= $6::text::numeric AND numeric_value <= $7::text::numeric
      AND ${isIndexReady('numeric')}
    ORDER BY numeric_value ${direction}, dataset_id ${direction} LIMIT $8::int`,
    `numeric_value ${direction}, dataset_id ${direction}`,
    MATCHES,
  );

/** Like `readByNumber`, but $6 is the limit. Uses the index `text`; without it, reads nothing. */
const readByText = (start: string, direction: string) =>
  recordsIn(
    'position, dataset_id',
    `left(record_value, 64) AS position FROM query.record_versions
    WHERE record_id = $1::uuid AND ${start} AND ${isIndexReady('text')}
    ORDER BY left(record_value, 64) ${direction}, dataset_id ${direction} LIMIT $6::int`,
    `position ${direction}, dataset_id ${direction}`,
    MATCHES,
  );

/** $2: the value; $3: the dataset after which the page starts; otherwise like `readByText`. */
const READ_EQUAL = recordsIn(
  'position, dataset_id',
  `'' AS position FROM query.record_versions
    WHERE record_id = $1::uuid AND left(record_value, 64) = left($2::text, 64) AND dataset_id > $3::uuid
      AND ${isIndexReady('text')}
    ORDER BY dataset_id LIMIT $6::int`,
  'dataset_id',
  `records.record_value = $2::text AND ${MATCHES}`,
);

/** Reads the records of one dataset; see `QueryReader.records`. */
export async function readRecords(
  on: Database,
  dataset: DatasetKey,
  page: PageRequest,
): Promise<QueryPage<QueriedRecord>> {
  const values = [datasetId(dataset), ...startAfter(page.after, [FIRST_ID])];
  return readPage(on, { sql: READ_DATASET, values, page }, toRecord, ({ position }: RecordRow) => [position]);
}

/** Reads the records with one key; see `QueryReader.recordsOf`. */
export async function readRecordsOf(
  on: Database,
  { key, order, filter }: { key: string; order: KeyOrder; filter: KeyFilter },
  page: PageRequest,
): Promise<QueryPage<QueriedRecord>> {
  const { sql, equals, first, bounds } = statementOf(order, page.after === null);
  const start = [...equals, ...startAfter(page.after, first)];
  const values: SqlValue[] = [recordId(key), ...start, filter.identityPoolId, filter.datasetName, ...bounds];
  const positionOf = ({ position, dataset_id }: KeyRow) =>
    equals.length > 0 ? [dataset_id] : [position, dataset_id];
  const read = () => readPage(on, { sql, values, page }, toRecord, positionOf);
  const records = await read();
  if (records.items.length > 0 || records.next !== null) return records;
  // Without the index, the statement reads nothing, so an empty page can mean that the index is missing. If the index
  // was completed in the meantime, read again.
  await requireIndex(on, order.by === 'number' ? 'numeric' : 'text');
  return read();
}

const BY_NUMBER = readByNumber('>', 'ASC');
const BY_NUMBER_DESCENDING = readByNumber('<', 'DESC');
const BY_TEXT = readByText('(left(record_value, 64), dataset_id) > ($2::text, $3::uuid)', 'ASC');
const BY_TEXT_DESCENDING = readByText('(left(record_value, 64), dataset_id) < ($2::text, $3::uuid)', 'DESC');
/**
 * The first page in descending order. No position is before it, because no text is last in every collation. $2, $3:
 * null.
 */
const LAST_TEXTS = readByText(
  'left(record_value, 64) IS NOT NULL AND $2::text IS NULL AND $3::uuid IS NULL',
  'DESC',
);

interface KeyStatement {
  sql: string;
  /** The value that the query asks for, if it asks for one. Positions do not contain it. */
  equals: readonly string[];
  /** The position before the first page. */
  first: readonly SqlValue[];
  bounds: readonly SqlValue[];
}

function statementOf(order: KeyOrder, isFirst: boolean): KeyStatement {
  if (order.by === 'number') {
    const bounds = [order.min ?? '-Infinity', order.max ?? 'Infinity'];
    return order.descending
      ? { sql: BY_NUMBER_DESCENDING, equals: [], first: ['Infinity', LAST_ID], bounds }
      : { sql: BY_NUMBER, equals: [], first: ['-Infinity', FIRST_ID], bounds };
  }
  if (order.equals !== null)
    return { sql: READ_EQUAL, equals: [order.equals], first: [FIRST_ID], bounds: [] };
  if (!order.descending) return { sql: BY_TEXT, equals: [], first: ['', FIRST_ID], bounds: [] };
  return { sql: isFirst ? LAST_TEXTS : BY_TEXT_DESCENDING, equals: [], first: [null, null], bounds: [] };
}

async function requireIndex(on: Database, name: OptionalIndexName): Promise<void> {
  const indexes = createOptionalIndexes(on);
  if (await indexes.isReady(name)) return;
  const index = (await indexes.list()).find((candidate) => candidate.name === name);
  const todo =
    index?.state === 'building'
      ? 'wait until it is built'
      : `add it with \`cognito-sync-backend indexes add ${name}\``;
  throw new QueryError('missing-index', `this query needs the index ${name}; ${todo}`);
}

/** Reads the change feed; see `QueryReader.changes`. */
export async function readChanges(
  on: Database,
  since: Date | null,
  page: PageRequest,
): Promise<QueryPage<RecordChange>> {
  const given = startAfter(page.after, [since?.toISOString() ?? '-infinity', FIRST_ID, FIRST_ID]);
  const reading = atPosition(page.after, readStableTime(on, given[0] ?? null));
  const { until, isIndexed, isAhead } = await reading.catch(throwQueryError);
  if (!isIndexed) await requireIndex(on, 'changes');
  // A position of the feed is later than the clock only if the clock was set back. Changes that were written since then
  // can be before the position.
  if (isAhead && page.after !== null) throw clockSetBack();
  // A `since` in the future counts as now. The next position must not be later than the clock.
  const start = isAhead ? [until, FIRST_ID, FIRST_ID] : given;
  const values = [...start, until];
  const sql = on.dialect === 'dsql' ? READ_CHANGES_ON_DSQL : READ_CHANGES;
  const changes = await readPage(on, { sql, values, page }, toChange, positionOf, endOf)
    .catch(throwUnsupported)
    .catch(throwQueryError);
  // After the last page, a later call continues where this call stopped.
  return { ...changes, next: changes.next ?? start };
}

function throwQueryError(error: unknown): never {
  throw error instanceof SetupError ? new QueryError('unsupported-server', error.message) : error;
}

function positionOf({ position, dataset_id, record_id }: ChangeRow): Position {
  return [position, dataset_id, record_id];
}

// The position is not the stable time: if a transaction takes longer than expected, its rows can appear before the
// stable time. The next page still contains those of them that are newer than the rows that were read.
function endOf({ next_position }: ChangeRow): Position {
  return [next_position, FIRST_ID, FIRST_ID];
}

const clockSetBack = () =>
  new QueryError(
    'clock-set-back',
    'the clock of the database server was set back, so changes after this cursor can be missing; start again without a cursor, or with `since` before the time to which the clock was set',
  );

function toRecord(row: RecordRow): QueriedRecord | null {
  const { record_value: recordValue } = row;
  const change = recordValue === null ? null : toChange(row);
  return change && recordValue !== null ? { ...change, recordValue } : null;
}

function toChange(row: RecordRow): RecordChange | null {
  if (row.identity_pool_id === null) return null;
  return {
    identityPoolId: row.identity_pool_id,
    identityId: row.identity_id,
    datasetName: row.dataset_name,
    recordKey: row.record_key,
    recordValue: row.record_value,
    numericValue: row.record_value === null ? null : row.numeric_value,
    syncCount: row.sync_count,
    lastModifiedDate: new Date(row.last_modified_ms),
    deviceLastModifiedDate:
      row.device_last_modified_ms === null ? null : new Date(row.device_last_modified_ms),
    projectedAt: row.projected_at,
  };
}
