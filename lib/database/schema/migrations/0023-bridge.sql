-- What the bridge between this service and the origin of a migration needs.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

-- Whether changes of the pool's datasets are marked, because they must be written back to an origin. NULL means false.
ALTER TABLE sync.identity_pools ADD COLUMN IF NOT EXISTS bridges boolean;

-- Datasets of bridged pools that changed here, or may have changed at the origin, since the bridge last read them.
-- mark_id: each change sets a new id, and the bridge deletes only a mark whose id it has read. next_ms: when the bridge
-- reads the dataset. attempts: number of failures since the last success. problem: why the last attempt failed; NULL
-- before a failure.
CREATE TABLE IF NOT EXISTS sync.unbridged_datasets (
  dataset_id uuid PRIMARY KEY,
  identity_pool_id text NOT NULL,
  identity_id text NOT NULL,
  dataset_name text NOT NULL,
  mark_id uuid NOT NULL,
  next_ms bigint NOT NULL,
  attempts integer NOT NULL,
  problem text
);

CREATE INDEX IF NOT EXISTS unbridged_by_time ON sync.unbridged_datasets (next_ms, dataset_id);

CREATE INDEX IF NOT EXISTS unbridged_by_pool ON sync.unbridged_datasets (identity_pool_id, dataset_id);

-- Keys to which the agreed counts of their dataset (move.datasets) do not apply. value_hash: hash of the value to write
-- at the origin; NULL for a removal. here_count: a record here with a count up to this one has not changed since the
-- pass that saved the row. after_there: the origin's count before the write. there_count: the origin's count up to
-- which both sides agree on the key; NULL while the key must still be written at the origin.
CREATE TABLE IF NOT EXISTS move.pending (
  dataset_id uuid NOT NULL,
  record_id uuid NOT NULL,
  record_key text NOT NULL,
  value_hash text,
  here_count bigint NOT NULL,
  after_there bigint NOT NULL,
  there_count bigint,
  PRIMARY KEY (dataset_id, record_id)
);

-- Decided conflicts: changes that a change of the other side overwrote. No column contains a value. winner: 'here' or
-- 'there'. record_key: NULL if a device wrote at the origin while the bridge deleted the dataset there. here_ms,
-- there_ms: the dates that were compared; NULL if the side has no record.
CREATE TABLE IF NOT EXISTS move.conflicts (
  conflict_id uuid PRIMARY KEY,
  identity_pool_id text NOT NULL,
  identity_id text NOT NULL,
  dataset_name text NOT NULL,
  record_key text,
  kind text NOT NULL,
  winner text NOT NULL,
  here_ms bigint,
  there_ms bigint,
  decided_ms bigint NOT NULL
);

CREATE INDEX IF NOT EXISTS conflicts_by_pool ON move.conflicts (identity_pool_id, decided_ms, conflict_id);

CREATE INDEX IF NOT EXISTS conflicts_by_identity ON move.conflicts (identity_pool_id, identity_id, conflict_id);
