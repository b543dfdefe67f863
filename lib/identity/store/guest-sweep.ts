import { plainArray } from '../../database/array-literal.ts';
import type { Database } from '../../database/database.ts';
import { identityRowId } from '../../database/row-ids.ts';
import type { GuestSweep } from '../ports/guest-sweep.ts';

/** Maximum number of identities that a step checks, so that no statement takes long. */
const STEP_IDENTITIES = 1_000;
/** Maximum number of devices that a step removes. Aurora DSQL changes at most 3,000 rows in a transaction. */
const STEP_DEVICES = 2_500;
const STEP_MERGES = 2_500;

const LIST_STEP = `
SELECT identity_id FROM identity.identities WHERE identity_id > $1 ORDER BY identity_id LIMIT ${STEP_IDENTITIES}`;

/**
 * Whether an identity was not used since $3. A merge or linking a login sets `modified_ms`. Issuing credentials sets
 * `used_ms`. An identity that was copied from another service never counts as unused, because it may be in use there.
 */
const UNUSED = `
  guest.copied_ms IS NULL
  AND coalesce(guest.used_ms, guest.created_ms) < $3::bigint AND guest.modified_ms < $3::bigint`;

/**
 * Selects the guests and merged identities that can be removed, among the identities above $1, up to and including $2.
 * An identity for which a device was registered since $3 is in use. A deleted dataset keeps its row, so an identity
 * without rows of datasets never stored anything.
 */
const REMOVABLE = `
  FROM identity.identities AS guest
  WHERE guest.identity_id > $1 AND guest.identity_id <= $2 AND ${UNUSED}
    AND NOT EXISTS (SELECT 1 FROM identity.logins WHERE logins.identity_id = guest.identity_id)
    AND NOT EXISTS (SELECT 1 FROM identity.identities AS merged WHERE merged.merged_into = guest.identity_id)
    AND NOT EXISTS (
      SELECT 1 FROM sync.pending_merges
      WHERE pending_merges.identity_pool_id = guest.identity_pool_id AND pending_merges.identity_id = guest.identity_id)
    AND NOT EXISTS (
      SELECT 1 FROM sync.datasets
      WHERE datasets.identity_pool_id = guest.identity_pool_id AND datasets.identity_id = guest.identity_id)
    AND NOT EXISTS (
      SELECT 1 FROM sync.devices AS recent
      WHERE recent.identity_pool_id = guest.identity_pool_id AND recent.identity_id = guest.identity_id
        AND recent.registered_ms >= $3::bigint)`;

// The ids are passed as an array. The embedded database has no statistics, so it would run a subquery of IN once per
// row.

/** `registered_ms` is also checked outside the array, for the reason that REMOVE_GUESTS gives. */
const REMOVE_DEVICES = `
DELETE FROM sync.devices
WHERE registered_ms < $3::bigint
  AND registration_id = ANY (ARRAY(
  SELECT owned.registration_id
  FROM (SELECT guest.identity_pool_id, guest.identity_id ${REMOVABLE}) AS guest
  JOIN sync.devices AS owned
    ON owned.identity_pool_id = guest.identity_pool_id AND owned.identity_id = guest.identity_id
  LIMIT ${STEP_DEVICES}))`;

/**
 * Removes the guests that have no devices. REMOVE_DEVICES may leave devices of a guest; the next sweep then removes
 * that guest. UNUSED is also checked outside the array, because PostgreSQL evaluates only that condition again if
 * another transaction has just changed the guest's row.
 */
const REMOVE_GUESTS = `
DELETE FROM identity.identities AS guest
WHERE guest.identity_id = ANY (ARRAY(
    SELECT guest.identity_id ${REMOVABLE}
      AND NOT EXISTS (
        SELECT 1 FROM sync.devices
        WHERE devices.identity_pool_id = guest.identity_pool_id AND devices.identity_id = guest.identity_id)
    LIMIT ${STEP_IDENTITIES}))
  AND ${UNUSED}
RETURNING identity_pool_id, identity_id`;

/**
 * Removes the rows that mark the identities in Cognito Sync. Such a row can exist without a dataset, if the process ended
 * while it created the first one. If another request creates a dataset now, the row may be removed nevertheless; the next
 * request that needs the row creates it again.
 */
const REMOVE_SYNC_IDENTITIES = `
DELETE FROM sync.identities
WHERE identity_row_id = ANY ($1::uuid[])
  AND NOT EXISTS (
    SELECT 1 FROM sync.datasets
    WHERE datasets.identity_pool_id = identities.identity_pool_id AND datasets.identity_id = identities.identity_id)`;

const REMOVE_DELETED_MERGES = `
DELETE FROM identity.deleted_merges
WHERE merged_hash IN (
  SELECT merged_hash FROM identity.deleted_merges WHERE deleted_ms < $1::bigint LIMIT ${STEP_MERGES})`;

interface GuestRow {
  identity_pool_id: string;
  identity_id: string;
}

/** Creates the part of the identity store that the guest sweep uses, on any `Database`. */
export function createGuestSweep(database: Database): GuestSweep {
  return {
    async removeDeletedMerges(before) {
      for (;;) {
        const { rowsChanged } = await database.query(REMOVE_DELETED_MERGES, [before]);
        if (rowsChanged < STEP_MERGES) return;
      }
    },

    async sweepStep(after, unusedSince) {
      const { rows } = await database.query<{ identity_id: string }>(LIST_STEP, [after]);
      const last = rows.at(-1)?.identity_id;
      if (last === undefined) return { swept: 0, last: null };
      const values = [after, last, unusedSince];
      await database.query(REMOVE_DEVICES, values);
      const swept = await database.transaction(async (on) => {
        const { rows: removed } = await on.query<GuestRow>(REMOVE_GUESTS, values);
        const rowIds = removed.map((row) =>
          identityRowId({ identityPoolId: row.identity_pool_id, identityId: row.identity_id }),
        );
        if (rowIds.length > 0) await on.query(REMOVE_SYNC_IDENTITIES, [plainArray(rowIds)]);
        return rowIds.length;
      });
      return { swept, last: rows.length < STEP_IDENTITIES ? null : last };
    },
  };
}
