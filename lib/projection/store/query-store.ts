import type { DatasetKey, IdentityKey } from '../../common/dataset-key.ts';
import { ValueRefusedError } from '../../common/errors.ts';
import { plainArray } from '../../database/array-literal.ts';
import { chunkRows } from '../../database/chunk-rows.ts';
import type { Database } from '../../database/database.ts';
import { datasetId, hashedUuid, recordId } from '../../database/row-ids.ts';
import type { StreamRecord, Version } from '../../stream/stream-event.ts';
import type { RefusedDelivery, StreamPosition } from '../delivery.ts';
import type { DatasetChange } from '../fold-events.ts';
import { numericValue } from '../numeric-value.ts';
import type { QueryStore } from '../ports/query-store.ts';
import { compareVersions } from '../version.ts';
import { eraseCovered } from './erase-covered.ts';
import { eraseDatasets, splitErased } from './erased-identities.ts';
import { type DatasetRow, type RecordRow, upsertDatasets, upsertRecords } from './upsert-changes.ts';

// Finds the datasets into which this batch wrote a value that is not newer than the dataset's removal. Values of
// earlier batches need no check: they were erased when the removal was written. For each dataset, it is enough to check
// the oldest value of the batch. The ids occur twice, so that no query plan reads other datasets.
const FIND_COVERING = `
SELECT datasets.dataset_id
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS oldest (dataset_id, last_modified_ms, sync_count)
JOIN projection.datasets ON datasets.dataset_id = oldest.dataset_id
WHERE datasets.dataset_id = ANY ($1::uuid[])
  AND (oldest.last_modified_ms, oldest.sync_count) <= (datasets.removed_ms, datasets.removed_sync_count)`;

// This update changes nothing. Without the update, RETURNING would not return an existing row.
const KEEP_REMOVAL = `
INSERT INTO projection.dated_removals (removal_id, last_modified_ms, sync_count, dated_at)
VALUES ($1, $2, $3, now())
ON CONFLICT (removal_id) DO UPDATE SET removal_id = excluded.removal_id
RETURNING last_modified_ms, sync_count`;

const QUARANTINE = `
INSERT INTO projection.quarantine (
  quarantine_id, reason, identity_pool_id, stream_name, shard_id, sequence_number, arrived_at, quarantined_at, payload)
VALUES ($1, $2, $3, $4, $5, $6, $7, now(), $8)
ON CONFLICT (quarantine_id) DO NOTHING`;

const ERASE_QUARANTINED = 'DELETE FROM projection.quarantine WHERE quarantine_id = $1';

// A timed-out invocation may still be running and write later. The older position of that invocation must not replace a
// newer position. A position counts as newer if its sequence number is higher or its arrival is later. The sequence
// numbers of a stream increase even if a clock is set back. If a stream is recreated, its sequence numbers may be lower
// than before, but its records arrive later.
const SAVE_PROGRESS = `
INSERT INTO projection.stream_progress AS stored (stream_name, shard_id, sequence_number, arrived_at, projected_at)
VALUES ($1, $2, $3, $4, now())
ON CONFLICT (stream_name, shard_id) DO UPDATE SET
  sequence_number = excluded.sequence_number,
  arrived_at = excluded.arrived_at,
  projected_at = excluded.projected_at
WHERE stored.arrived_at IS NULL OR excluded.arrived_at IS NULL
  OR stored.arrived_at < excluded.arrived_at
  OR (length(stored.sequence_number), stored.sequence_number)
    <= (length(excluded.sequence_number), excluded.sequence_number)`;

/** Creates the write side of the query store on any `Database`. */
export function createQueryStore(database: Database): QueryStore {
  return {
    async versionsOf(datasets) {
      const byId = new Map<string, DatasetKey>(datasets.map((dataset) => [datasetId(dataset), dataset]));
      const { rows } = await database.query<{
        dataset_id: string;
        last_modified_ms: number;
        sync_count: number;
      }>(
        'SELECT dataset_id, last_modified_ms, sync_count FROM projection.datasets WHERE dataset_id = ANY ($1::uuid[])',
        [plainArray([...byId.keys()])],
      );
      return rows.flatMap((row) => {
        const dataset = byId.get(row.dataset_id);
        return dataset
          ? [{ dataset, version: { lastModifiedDate: row.last_modified_ms, syncCount: row.sync_count } }]
          : [];
      });
    },

    async keepRemovalVersion(position, version) {
      const values = [streamPositionId(position), version.lastModifiedDate, version.syncCount];
      const { rows } = await database.query<{ last_modified_ms: number; sync_count: number }>(
        KEEP_REMOVAL,
        values,
      );
      const [kept] = rows;
      return kept ? { lastModifiedDate: kept.last_modified_ms, syncCount: kept.sync_count } : version;
    },

    async apply(given) {
      const { kept: changes, erased } = await splitErased(database, given, ({ dataset }) => dataset);
      // An earlier attempt may have written rows and crashed before it noticed the erasure of the identity.
      await eraseDatasets(database, idsOf(erased));
      const { datasets, records } = toRows(changes);
      // The datasets are written first, because the feed of changes (`/query/changes`) would skip a record whose
      // dataset has no row yet.
      await allDone(chunkRows(datasets, () => 0).map((chunk) => execute(database, upsertDatasets(chunk))));
      const changed = await allDone(
        chunkRows(records, sizeOf).map((chunk) => execute(database, upsertRecords(chunk, database.dialect))),
      );
      const recordsChanged = changed.reduce((sum, count) => sum + count, 0);
      await eraseRemoved(database, changes);
      // `erase` marks the identity first and then erases its rows. If it did not find the rows of this batch, because they
      // were not yet committed, this check finds the mark.
      const { erased: late } = await splitErased(database, changes, ({ dataset }) => dataset);
      await eraseDatasets(database, idsOf(late));
      return { recordsChanged };
    },

    async quarantine(deliveries) {
      const { kept, erased } = await splitErased(database, deliveries, identityOf);
      for (const delivery of kept) await quarantine(database, delivery);
      // Checks again whether identities were erased in the meantime, as `apply` does.
      const { erased: late } = await splitErased(database, kept, identityOf);
      for (const { position } of [...erased, ...late])
        await database.query(ERASE_QUARANTINED, [streamPositionId(position)]);
    },

    async saveProgress({ streamName, shardId, sequenceNumber, arrivedAt }, { isKnown }) {
      const known = isKnown ? [sequenceNumber, new Date(arrivedAt)] : [null, null];
      await database.query(SAVE_PROGRESS, [streamName, shardId, ...known]);
    },
  };
}

function idsOf(changes: readonly DatasetChange[]): string[] {
  return changes.map(({ dataset }) => datasetId(dataset));
}

/** Returns null if the delivery names no identity. */
function identityOf({ identityPoolId, identityId }: RefusedDelivery): IdentityKey | null {
  return identityPoolId === null || identityId === null ? null : { identityPoolId, identityId };
}

/** Returns rows sorted by key. Writers that lock rows in the same order cannot deadlock. */
function toRows(changes: readonly DatasetChange[]): { datasets: DatasetRow[]; records: RecordRow[] } {
  const sorted = changes
    .map((change) => ({ id: datasetId(change.dataset), change }))
    .sort((a, b) => compareText(a.id, b.id));
  return {
    datasets: sorted.map(({ id, change }) => ({
      datasetId: id,
      ...change.dataset,
      lastModifiedMs: change.version.lastModifiedDate,
      syncCount: change.version.syncCount,
      removedMs: change.removal?.lastModifiedDate ?? null,
      removedSyncCount: change.removal?.syncCount ?? null,
    })),
    records: sorted.flatMap(({ id, change }) => toRecordRows(id, change)),
  };
}

function toRecordRows(id: string, { records }: DatasetChange): RecordRow[] {
  return records
    .map((record) => ({
      datasetId: id,
      recordId: recordId(record.key),
      recordKey: record.key,
      recordValue: record.value,
      numericValue: record.value === null ? null : numericValue(record.value),
      lastModifiedMs: record.version.lastModifiedDate,
      syncCount: record.version.syncCount,
      deviceLastModifiedMs: record.deviceLastModifiedDate,
    }))
    .sort((a, b) => compareText(a.recordId, b.recordId));
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function sizeOf({ recordKey, recordValue }: RecordRow): number {
  return Buffer.byteLength(recordKey) + Buffer.byteLength(recordValue ?? '');
}

async function execute(
  database: Database,
  { sql, values }: ReturnType<typeof upsertRecords>,
): Promise<number> {
  return (await database.query(sql, values)).rowsChanged;
}

/**
 * Waits for all statements, even if one fails, so that a retry of the batch does not conflict with statements of the
 * first attempt. The statements may run concurrently. Each statement locks its rows in key order, so a statement that
 * waits for a row holds only locks on lower keys. No deadlock is possible.
 */
async function allDone<Result>(statements: readonly Promise<Result>[]): Promise<Result[]> {
  const failures = (await Promise.allSettled(statements)).flatMap((outcome) =>
    outcome.status === 'rejected' ? [outcome.reason] : [],
  );
  // An error about a refused value is permanent. Such an error is thrown only if no statement failed for another
  // reason.
  if (failures.length > 0)
    throw failures.find((error) => !(error instanceof ValueRefusedError)) ?? failures[0];
  return Promise.all(statements);
}

/**
 * Erases values that are not newer than the removal of their dataset, even if they arrive after the removal. Tombstones
 * stay. Reads only two kinds of datasets: datasets that the batch removes, and removed datasets into which the batch
 * wrote such a value.
 */
async function eraseRemoved(database: Database, changes: readonly DatasetChange[]): Promise<void> {
  const removed = changes.filter(({ removal }) => removal !== null).map(({ dataset }) => datasetId(dataset));
  const oldest = changes.flatMap(({ dataset, removal, records }) => {
    const versions = removal === null ? records.filter(({ value }) => value !== null).map(versionOf) : [];
    const [first, ...others] = versions;
    return first ? [{ id: datasetId(dataset), ...others.reduce(older, first) }] : [];
  });
  if (oldest.length > 0) {
    const { rows } = await database.query<{ dataset_id: string }>(FIND_COVERING, [
      plainArray(oldest.map(({ id }) => id)),
      plainArray(oldest.map(({ lastModifiedDate }) => lastModifiedDate)),
      plainArray(oldest.map(({ syncCount }) => syncCount)),
    ]);
    removed.push(...rows.map((row) => row.dataset_id));
  }
  await eraseCovered(database, removed);
}

function versionOf({ version }: StreamRecord): Version {
  return version;
}

function older(a: Version, b: Version): Version {
  return compareVersions(a, b) <= 0 ? a : b;
}

async function quarantine(
  database: Database,
  { reason, identityPoolId, position, data }: RefusedDelivery,
): Promise<void> {
  await database.query(QUARANTINE, [
    streamPositionId(position),
    reason,
    identityPoolId,
    position.streamName,
    position.shardId,
    position.sequenceNumber,
    new Date(position.arrivedAt),
    data,
  ]);
}

/** Derives the id of rows about one delivery. A retried batch therefore does not store these rows twice. */
export function streamPositionId({ streamName, shardId, sequenceNumber }: StreamPosition): string {
  return hashedUuid(`${streamName}\0${shardId}\0${sequenceNumber}`);
}
