import type { IdentityKey } from '../../common/dataset-key.ts';
import type { Database, SqlValue } from '../../database/database.ts';
import { identityIdHash, identityRowId } from '../../database/row-ids.ts';
import { withinBytes } from '../../database/within-bytes.ts';
import { lockIdentities } from './lock-identities.ts';
import { EVENT_BYTES } from './outbox-store.ts';
import { PAYLOADS_PER_STEP, removePayload } from './payload-store.ts';
import { changeUntilNone } from './remove-deleted-datasets.ts';
import { transact } from './transact.ts';

/** Maximum rows per step: a statement must not take long. */
const ERASE_ROWS = 100;

/** The partition key of an event is the id of its identity. JSON escapes no character of a pool's id. */
const OF_IDENTITY = `partition_key = $2 AND strpos(event, '"identityPoolId":"' || $1::text || '"') > 0`;

/** Whether an event removes its dataset. In a value or a key of a record, the quotation marks would be escaped. */
const IS_REMOVAL = `strpos(event, '"operation":"remove"') > 0`;

const COUNT = `
SELECT
  (SELECT count(*) FROM sync.devices WHERE identity_pool_id = $1 AND identity_id = $2) AS devices,
  (SELECT count(*) FROM sync.datasets WHERE identity_pool_id = $1 AND identity_id = $2) AS datasets,
  (
    SELECT count(*) FROM sync.datasets JOIN sync.records ON records.dataset_id = datasets.dataset_id
    WHERE datasets.identity_pool_id = $1 AND datasets.identity_id = $2
  ) AS records,
  (SELECT count(*) FROM sync.pending_merges WHERE identity_row_id = $3) AS pending_merges,
  (SELECT count(*) FROM sync.deleted_identities WHERE identity_id = $2) AS pending_deletions,
  (
    SELECT count(*) FROM sync.outbox WHERE ${OF_IDENTITY} AND (parked_reason IS NOT NULL OR NOT ${IS_REMOVAL})
  ) AS unpublished_events,
  (SELECT count(*) FROM sync.payloads WHERE identity_row_id = $3) AS payloads`;

interface CountRow {
  devices: number;
  datasets: number;
  records: number;
  pending_merges: number;
  pending_deletions: number;
  unpublished_events: number;
  payloads: number;
}

const COUNT_WAITING_REMOVALS = `
SELECT count(*) AS events FROM sync.outbox
WHERE ${OF_IDENTITY} AND parked_reason IS NULL AND ${IS_REMOVAL}`;

/** `sweepDatasets` later deletes the leases of the removed rows. */
const ERASE_EVENTS = `
DELETE FROM sync.outbox
WHERE outbox_id IN (${withinBytes(
  'outbox_id',
  `
  SELECT outbox_id, ${EVENT_BYTES} AS row_bytes FROM sync.outbox
  WHERE ${OF_IDENTITY} AND ($3::boolean OR parked_reason IS NOT NULL OR NOT ${IS_REMOVAL})
  LIMIT ${ERASE_ROWS}`,
)})`;

const LIST_PAYLOADS = `
SELECT payload_id FROM sync.payloads WHERE identity_row_id = $1 LIMIT ${PAYLOADS_PER_STEP}`;

/**
 * Shortens the identity's id in the saved progress of a bulk publish to the region and two digits. A prefix of an id is
 * before the id in every order, so a bulk publish in progress publishes some datasets again, and omits none.
 */
const ERASE_POSITION = `
UPDATE sync.bulk_publishes
SET last_identity_id = left($2::text, strpos($2::text, ':') + 2), last_dataset_name = ''
WHERE identity_pool_id = $1 AND last_identity_id = $2::text`;

/** The row names the identity until its data is deleted, as after DeleteIdentities. */
const MARK_DELETED = `
INSERT INTO sync.deleted_identities AS stored (id_hash, root_hash, identity_pool_id, identity_id, deleted_ms)
VALUES ($1, $1, $2, $3, $4)
ON CONFLICT (id_hash) DO UPDATE SET
  identity_pool_id = excluded.identity_pool_id, identity_id = excluded.identity_id`;

/** Creates the part of the sync store that `erase` uses, on any `Database`. The members are those of `ServiceTables`. */
export function createUnpublishedStore(database: Database) {
  const valuesOf = ({ identityPoolId, identityId }: IdentityKey): SqlValue[] => [identityPoolId, identityId];
  const erasePayloads = async (identity: IdentityKey): Promise<void> => {
    for (;;) {
      const values = [identityRowId(identity)];
      const { rows } = await database.query<{ payload_id: string }>(LIST_PAYLOADS, values);
      for (const row of rows) await removePayload(database, row.payload_id);
      if (rows.length < PAYLOADS_PER_STEP) return;
    }
  };
  return {
    async isHere(identityPoolId: string): Promise<boolean> {
      const sql = 'SELECT 1 FROM sync.identity_pools WHERE identity_pool_id = $1';
      return (await database.query(sql, [identityPoolId])).rows.length > 0;
    },

    /**
     * Marks an identity that Cognito Identity does not know as deleted, so that its data can be deleted. Takes the lock
     * that the creation of a dataset takes. A dataset is therefore created before the data is deleted, or not at all.
     */
    async markDeleted({ identityPoolId, identityId }: IdentityKey, at: number): Promise<void> {
      const values = [identityIdHash(identityId), identityPoolId, identityId, at];
      await transact(database, async (transaction) => {
        await lockIdentities(transaction, identityPoolId, [identityId]);
        await transaction.query(MARK_DELETED, values);
      });
    },

    async count(identity: IdentityKey) {
      const { rows } = await database.query<CountRow>(COUNT, [
        ...valuesOf(identity),
        identityRowId(identity),
      ]);
      const [row] = rows;
      return {
        devices: row?.devices ?? 0,
        datasets: row?.datasets ?? 0,
        records: row?.records ?? 0,
        pendingMerges: row?.pending_merges ?? 0,
        pendingDeletions: row?.pending_deletions ?? 0,
        unpublishedEvents: row?.unpublished_events ?? 0,
        payloads: row?.payloads ?? 0,
      };
    },

    async countWaitingRemovals(identity: IdentityKey): Promise<number> {
      const { rows } = await database.query<{ events: number }>(COUNT_WAITING_REMOVALS, valuesOf(identity));
      return rows[0]?.events ?? 0;
    },

    async eraseUnpublished(
      identity: IdentityKey,
      { withRemovals }: { withRemovals: boolean },
    ): Promise<void> {
      await changeUntilNone(database, ERASE_EVENTS, [...valuesOf(identity), withRemovals]);
      await erasePayloads(identity);
      await database.query(ERASE_POSITION, valuesOf(identity));
    },
  };
}
