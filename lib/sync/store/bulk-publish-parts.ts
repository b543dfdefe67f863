import type { PartEvent, WholeDataset } from '../ports/bulk-publish-job-store.ts';
import type { LockedRow, WholeRow } from './bulk-publish-job-statements.ts';
import { toRecordOrNull } from './sync-rows.ts';

/** Maximum bytes of the events in one step. Aurora DSQL allows 10 MiB per transaction, including index entries. */
const MAX_STEP_BYTES = 6 * 1024 * 1024;

/**
 * Reads the position in the dataset that follows the cursor: the id of the dataset, and count and id of the dataset's
 * last record that is already in an event. Nulls if the step starts with a new dataset. The position of another bulk
 * publish is ignored.
 */
export function readPosition({ bulk_publish_id, part_position }: LockedRow): (string | number | null)[] {
  const [bulkPublishId, datasetId = null, syncCount, recordId = null] = part_position?.split(' ') ?? [];
  return bulkPublishId === bulk_publish_id ? [datasetId, Number(syncCount), recordId] : [null, null, null];
}

/** Returns the position after a record, to be stored with the bulk publish. */
export function writePosition({ bulk_publish_id }: LockedRow, last: WholeRow): string {
  return [bulk_publish_id, last.dataset_id, last.record_sync_count, last.record_id].join(' ');
}

interface Part extends PartEvent {
  /** The row of the last record in the event. */
  row: WholeRow;
  /** Whether this is the last part of its dataset. */
  isLast: boolean;
}

/** Builds the events of the datasets in `rows`. Rows and events are in the order of READ_NEXT. */
export function toParts(
  identityPoolId: string,
  rows: readonly WholeRow[],
  toEvents: (whole: WholeDataset) => PartEvent[],
): Part[] {
  return toWholeDatasets(identityPoolId, rows).flatMap(({ whole, rows: ofDataset }) => {
    let end = 0;
    return toEvents(whole).flatMap((part) => {
      end += part.records;
      const row = ofDataset[Math.max(0, end - 1)];
      return row ? [{ ...part, row, isLast: end === whole.records.length }] : [];
    });
  });
}

/**
 * Takes at most `limit` parts that one transaction can write. The first part always fits: with its payload, it has at
 * most 8 MiB (lib/sync/jobs/split-records.ts).
 */
export function takeParts(parts: readonly Part[], limit: number): Part[] {
  let bytes = 0;
  return parts.slice(0, limit).filter(({ event: { data, payload } }, index) => {
    bytes += Buffer.byteLength(data) + Buffer.byteLength(payload?.body ?? '');
    return index === 0 || bytes <= MAX_STEP_BYTES;
  });
}

/**
 * Groups rows into datasets, and keeps the order of datasets and rows. A dataset without records has one row without a
 * record.
 */
function toWholeDatasets(
  identityPoolId: string,
  rows: readonly WholeRow[],
): { whole: WholeDataset; rows: WholeRow[] }[] {
  return [...Map.groupBy(rows, (row) => row.dataset_id).values()].flatMap((ofDataset) => {
    const [row] = ofDataset;
    if (!row) return [];
    const key = { identityPoolId, identityId: row.identity_id, datasetName: row.dataset_name };
    const dataset = { syncCount: row.sync_count, lastModifiedDate: row.last_modified_ms };
    const records = ofDataset.map(toRecordOrNull).filter((record) => record !== null);
    return [{ whole: { key, dataset, records }, rows: ofDataset }];
  });
}
