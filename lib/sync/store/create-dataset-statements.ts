// Statements that create a dataset in one round trip, without reading first.

import {
  addUsage,
  OUTCOME,
  putPayload,
  spendSession,
  type WrittenRow,
  writeRecords,
} from './dataset-write-parts.ts';
import { insertDataset, MARK_WRITTEN, PUT_EVENT } from './dataset-write-statements.ts';
import { isIdentityDeleted } from './sync-statements.ts';

export interface CreatedRow extends Pick<WrittenRow, 'outbox_id' | 'subscribed'> {
  is_written: boolean;
  /** Whether this statement created the row of the identity. Then it wrote nothing else. */
  is_identity_new: boolean;
}

/**
 * Creates a dataset if its identity may have one more. All conditions are read from the state in which the statement
 * started, so no other request may have changed them since. Each transaction that adds a dataset to an identity, or deletes
 * the identity, writes the identity's row first (`lockIdentities`). So this statement writes the row too. It writes only if
 * `xmin`, the id of the transaction that wrote the row last, is still the one that the statement saw when it started. If
 * the write waits for another transaction, PostgreSQL then compares the newest version of the row.
 *
 * A row that the statement did not see at its start cannot be compared. If the identity has no row yet, the statement
 * creates only that row, and must run again.
 */
const createDataset = (payload = '') => `
WITH allowed AS (
  SELECT 1
  FROM sync.identity_pools AS pools
  WHERE pools.identity_pool_id = $2::text AND pools.deleted_ms IS NULL
    AND ($28::boolean OR pools.sync_trigger IS NULL)
    AND NOT ${isIdentityDeleted('$25')}
), identity AS (
  INSERT INTO sync.identities (identity_row_id, identity_pool_id, identity_id)
  SELECT $26::uuid, $2::text, $3::text FROM allowed
  ON CONFLICT (identity_row_id) DO NOTHING
  RETURNING identity_row_id
), locked AS (
  UPDATE sync.identities AS stored
  SET identity_id = seen.identity_id
  FROM allowed, sync.identities AS seen
  WHERE stored.identity_row_id = $26::uuid AND seen.identity_row_id = $26::uuid AND stored.xmin = seen.xmin
  RETURNING stored.identity_row_id
), written AS (${insertDataset(` AND EXISTS (SELECT 1 FROM locked) AND $27::bigint > (
    SELECT count(*) FROM sync.datasets
    WHERE identity_pool_id = $2::text AND identity_id = $3::text AND sync_count > deleted_sync_count)`)}
  RETURNING stored.dataset_id
), usage AS (${addUsage('SELECT $2::text, left(dataset_id::text, 2), $15::bigint, $8::bigint FROM written')}
)${PUT_EVENT}${MARK_WRITTEN}${payload}, ${spendSession(19)}, ${writeRecords(21)}
SELECT EXISTS (SELECT 1 FROM written) AS is_written, EXISTS (SELECT 1 FROM identity) AS is_identity_new, ${OUTCOME}`;

/**
 * $1 to $25: as in WRITE_UPDATE; $26: the id of the identity's row; $27: the maximum number of datasets of an identity;
 * $28: whether the pool may have a sync trigger.
 */
export const CREATE_DATASET = createDataset();

/** Does what CREATE_DATASET does. The event holds a URL in place of its records. From $29: its payload. */
export const CREATE_OFFLOADED_DATASET = createDataset(`, ${putPayload(29)}`);
