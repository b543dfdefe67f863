-- What keeps the service fast as its data grows.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.
-- Claims of outbox rows. They are in a table of their own, because a claim that updates the outbox copies the event.
-- attempts counts the claims of the row.
CREATE TABLE IF NOT EXISTS sync.outbox_leases (
  outbox_id uuid PRIMARY KEY,
  leased_until timestamptz NOT NULL,
  attempts integer NOT NULL
);
-- The storage of a pool, as sums over the datasets whose id starts with the two hexadecimal digits of slot. Every write
-- of a dataset updates its sum, so one row per pool would serialize the writes of all identities. data_storage (bytes)
-- covers existing datasets; last_modified_ms covers deleted datasets as well.
CREATE TABLE IF NOT EXISTS sync.pool_usage (
  identity_pool_id text NOT NULL,
  slot text NOT NULL,
  data_storage bigint NOT NULL,
  last_modified_ms bigint NOT NULL,
  PRIMARY KEY (identity_pool_id, slot)
);
-- Serves the sweep, which verifies the sums slot by slot.
CREATE INDEX IF NOT EXISTS pool_usage_by_slot ON sync.pool_usage (slot);
INSERT INTO sync.pool_usage (identity_pool_id, slot, data_storage, last_modified_ms)
SELECT
  identity_pool_id,
  left(dataset_id::text, 2),
  coalesce(sum(data_storage) FILTER (WHERE sync_count > deleted_sync_count), 0),
  max(last_modified_ms)
FROM sync.datasets
GROUP BY identity_pool_id, left(dataset_id::text, 2)
ON CONFLICT (identity_pool_id, slot) DO UPDATE SET
  data_storage = excluded.data_storage,
  last_modified_ms = excluded.last_modified_ms;
