// Builders of the statements that remove the rows of deleted datasets. $2 holds the ids of the datasets. If a statement
// uses $3, then $3 holds the counts that these datasets had when they were listed, in the order of $2.
//
// `isMarked` is a condition on $1: the pool or the identity of the datasets is still marked as deleted. Each statement
// checks the mark itself, because a late statement must not remove newer data.

import { RECORD_BYTES, withinBytes } from '../../database/within-bytes.ts';

/** Maximum rows of a step. Aurora DSQL changes at most 3,000 rows in a transaction. */
export const STEP_ROWS = 2_500;

/**
 * Removes the records that are not newer than the dataset's deletion. No reader sees these records, even if the dataset
 * has been created again since. To be repeated until no record is left, because the bytes are limited too.
 */
export const removeRecords = (isMarked: string) => `
DELETE FROM sync.records
USING unnest($2::uuid[], $3::bigint[]) AS deleted (dataset_id, sync_count)
WHERE records.dataset_id = deleted.dataset_id AND records.sync_count <= deleted.sync_count
  AND (records.dataset_id, records.record_id) IN (${withinBytes(
    'dataset_id, record_id',
    `
    SELECT left_over.dataset_id, left_over.record_id, ${RECORD_BYTES}
    FROM unnest($2::uuid[], $3::bigint[]) AS gone (dataset_id, sync_count)
    JOIN sync.records AS left_over
      ON left_over.dataset_id = gone.dataset_id AND left_over.sync_count <= gone.sync_count
    LIMIT ${STEP_ROWS}`,
  )})
  AND ${isMarked}`;

export const removeSpentTokens = (isMarked: string) => `
DELETE FROM sync.spent_tokens
WHERE (dataset_id, expires_ms, session_id) IN (
    SELECT dataset_id, expires_ms, session_id FROM sync.spent_tokens
    WHERE dataset_id = ANY ($2::uuid[])
    LIMIT ${STEP_ROWS})
  AND ${isMarked}`;

export const removeSubscriptions = (isMarked: string) => `
DELETE FROM sync.subscriptions
WHERE (dataset_id, device_id) IN (
    SELECT dataset_id, device_id FROM sync.subscriptions
    WHERE dataset_id = ANY ($2::uuid[])
    LIMIT ${STEP_ROWS})
  AND ${isMarked}`;

export const removeCopies = (isMarked: string) => `
DELETE FROM sync.merged_datasets WHERE dataset_id = ANY ($2::uuid[]) AND ${isMarked}`;

/**
 * Removes a dataset only under two conditions: the dataset still has the count at which its rows were removed, and none
 * of its rows is left. Rows can be left if another process was removing them and was then rolled back. A record must
 * not outlive its dataset: the next dataset of that name would start at the same counts and show the record. If a
 * request writes the dataset concurrently, this statement waits for that write and then finds a different count.
 */
export const removeDatasetRows = (isMarked: string) => `
DELETE FROM sync.datasets AS stored
USING unnest($2::uuid[], $3::bigint[]) AS deleted (dataset_id, sync_count)
WHERE stored.dataset_id = deleted.dataset_id
  AND stored.sync_count = deleted.sync_count AND stored.deleted_sync_count = deleted.sync_count
  AND NOT EXISTS (
    SELECT 1 FROM sync.records
    WHERE records.dataset_id = deleted.dataset_id AND records.sync_count <= deleted.sync_count)
  AND NOT EXISTS (SELECT 1 FROM sync.spent_tokens WHERE spent_tokens.dataset_id = deleted.dataset_id)
  AND NOT EXISTS (SELECT 1 FROM sync.subscriptions WHERE subscriptions.dataset_id = deleted.dataset_id)
  AND NOT EXISTS (SELECT 1 FROM sync.merged_datasets WHERE merged_datasets.dataset_id = deleted.dataset_id)
  AND ${isMarked}`;
