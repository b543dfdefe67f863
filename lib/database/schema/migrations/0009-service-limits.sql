-- Adds the columns and the index that the limits of the service and the sweep of unused guests need.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

-- row_count: the number of rows of an existing dataset, tombstones included. key_bytes: the UTF-8 bytes of their keys.
-- Both columns are valid only if counted_sync_count equals sync_count. Otherwise an older version of the service wrote
-- the dataset last, and its rows must be counted.
ALTER TABLE sync.datasets ADD COLUMN IF NOT EXISTS row_count bigint;

ALTER TABLE sync.datasets ADD COLUMN IF NOT EXISTS key_bytes bigint;

ALTER TABLE sync.datasets ADD COLUMN IF NOT EXISTS counted_sync_count bigint;

-- The limit on the devices of an identity and the sweep of guests use this index.
CREATE INDEX IF NOT EXISTS devices_by_identity ON sync.devices (identity_pool_id, identity_id);

-- The last day on which a guest got credentials or a token. NULL if the guest never got any.
ALTER TABLE identity.identities ADD COLUMN IF NOT EXISTS used_ms bigint;
