import type { Database } from '../../database/database.ts';
import type { GuestSweep } from '../sweep-guests.ts';

/** Identities per step: few enough that no statement takes long. */
const STEP_IDENTITIES = 1_000;
/** Aurora DSQL changes at most 3,000 rows in a transaction. */
const STEP_DEVICES = 2_500;

const LIST_STEP = `
SELECT identity_id FROM identity.identities WHERE identity_id > $1 ORDER BY identity_id LIMIT ${STEP_IDENTITIES}`;

/**
 * The identities above $1, up to and including $2, that can be removed. Linking a login changes `modified_ms`, and
 * credentials change `used_ms`. PostgreSQL checks both again if another transaction has just changed the row, but only
 * outside the subquery of a statement.
 */
const UNUSED = `
  guest.identity_id > $1 AND guest.identity_id <= $2
  AND guest.merged_into IS NULL
  AND coalesce(guest.used_ms, guest.created_ms) < $3::bigint AND guest.modified_ms < $3::bigint
  AND NOT EXISTS (SELECT 1 FROM identity.logins WHERE logins.identity_id = guest.identity_id)
  AND NOT EXISTS (SELECT 1 FROM identity.identities AS merged WHERE merged.merged_into = guest.identity_id)
  AND NOT EXISTS (
    SELECT 1 FROM sync.datasets
    WHERE datasets.identity_pool_id = guest.identity_pool_id AND datasets.identity_id = guest.identity_id)`;

const REMOVE_DEVICES = `
DELETE FROM sync.devices
WHERE registration_id IN (
  SELECT devices.registration_id
  FROM identity.identities AS guest
  JOIN sync.devices
    ON devices.identity_pool_id = guest.identity_pool_id AND devices.identity_id = guest.identity_id
  WHERE ${UNUSED}
  LIMIT ${STEP_DEVICES})`;

const HAS_NO_DEVICES = `NOT EXISTS (
  SELECT 1 FROM sync.devices
  WHERE devices.identity_pool_id = guest.identity_pool_id AND devices.identity_id = guest.identity_id)`;

/** Keeps guests of which REMOVE_DEVICES left devices; the next sweep removes them. */
const REMOVE_GUESTS = `
DELETE FROM identity.identities AS guest
WHERE guest.identity_id IN (
    SELECT guest.identity_id FROM identity.identities AS guest
    WHERE ${UNUSED} AND ${HAS_NO_DEVICES}
    LIMIT ${STEP_IDENTITIES})
  AND ${UNUSED}`;

/** Creates the part of the identity store that the sweep uses, on any `Database`. */
export function createGuestSweep(database: Database): GuestSweep {
  return {
    async sweepStep(after, unusedSince) {
      const { rows } = await database.query<{ identity_id: string }>(LIST_STEP, [after]);
      const last = rows.at(-1)?.identity_id;
      if (last === undefined) return { swept: 0, last: null };
      const values = [after, last, unusedSince];
      await database.query(REMOVE_DEVICES, values);
      const { rowsChanged } = await database.query(REMOVE_GUESTS, values);
      return { swept: rowsChanged, last: rows.length < STEP_IDENTITIES ? null : last };
    },
  };
}
