-- The poller's knowledge of bulk publishes and streaming. Times are epoch milliseconds, as in all tables.

-- A bulk publish (run) is identified by its start time. status: IN_PROGRESS, SUCCEEDED, FAILED, or UNSEEN if a newer
-- run started before a poll saw the end of this run. completeness: waiting, projected, stalled, or unknown if the
-- progress of the shards cannot be known.
-- position_*: the shards' positions, and since when they have not changed, which reveals a stalled run.
CREATE TABLE IF NOT EXISTS projection.bulk_publishes (
  identity_pool_id text NOT NULL,
  started_ms bigint NOT NULL,
  stream_name text,
  status text NOT NULL,
  completed_ms bigint,
  failure_message text,
  completeness text NOT NULL,
  waiting_for text,
  projected_ms bigint,
  position_mark text,
  position_ms bigint,
  checked_ms bigint NOT NULL,
  PRIMARY KEY (identity_pool_id, started_ms)
);

-- The last observed streaming state of each pool. The next poll detects changes by comparing the current state with
-- this state.
CREATE TABLE IF NOT EXISTS projection.pool_streaming (
  identity_pool_id text PRIMARY KEY,
  stream_name text,
  is_enabled boolean NOT NULL,
  checked_ms bigint NOT NULL
);

-- Periods in which removals may be missing. cause: streaming-off, expired. until_ms is NULL while the gap continues.
-- mended_ms is set by a reconciliation that started after the gap had ended.
CREATE TABLE IF NOT EXISTS projection.gaps (
  identity_pool_id text NOT NULL,
  since_ms bigint NOT NULL,
  cause text NOT NULL,
  until_ms bigint,
  mended_ms bigint,
  PRIMARY KEY (identity_pool_id, since_ms, cause)
);

-- The last reconciliation of each pool. after_*: the last dataset that was compared; an interrupted reconciliation
-- resumes after that dataset.
CREATE TABLE IF NOT EXISTS projection.reconciliations (
  identity_pool_id text PRIMARY KEY,
  started_ms bigint NOT NULL,
  after_identity_id text,
  after_dataset_name text,
  compared bigint NOT NULL,
  repaired bigint NOT NULL,
  finished_ms bigint
);

-- Objects of a failure destination that `redrive` has projected. object_id is the hash of the object's name. The
-- objects themselves are not deleted.
CREATE TABLE IF NOT EXISTS projection.redriven_objects (
  object_id uuid PRIMARY KEY,
  redriven_ms bigint NOT NULL
);

CREATE OR REPLACE VIEW query.bulk_publishes AS
SELECT
  identity_pool_id,
  to_timestamp(started_ms / 1000) + (started_ms % 1000) * interval '1 millisecond' AS started_at,
  to_timestamp(completed_ms / 1000) + (completed_ms % 1000) * interval '1 millisecond' AS completed_at,
  status,
  failure_message,
  to_timestamp(projected_ms / 1000) + (projected_ms % 1000) * interval '1 millisecond' AS projected_at,
  completeness,
  waiting_for,
  to_timestamp(checked_ms / 1000) + (checked_ms % 1000) * interval '1 millisecond' AS checked_at
FROM projection.bulk_publishes;

CREATE OR REPLACE VIEW query.gaps AS
SELECT
  identity_pool_id,
  to_timestamp(since_ms / 1000) + (since_ms % 1000) * interval '1 millisecond' AS since,
  to_timestamp(until_ms / 1000) + (until_ms % 1000) * interval '1 millisecond' AS until,
  cause,
  to_timestamp(mended_ms / 1000) + (mended_ms % 1000) * interval '1 millisecond' AS mended_at
FROM projection.gaps;

GRANT SELECT ON query.bulk_publishes, query.gaps TO query_reader;

-- empty_ms: the last time at which a poll found no waiting record on the shard. No record that arrived before this time
-- was lost.
CREATE TABLE IF NOT EXISTS projection.quiet_shards (
  stream_name text NOT NULL,
  shard_id text NOT NULL,
  empty_ms bigint NOT NULL,
  PRIMARY KEY (stream_name, shard_id)
);

-- Indexes for the sweep, which deletes rows by age.
CREATE INDEX IF NOT EXISTS quarantine_by_quarantined_at ON projection.quarantine (quarantined_at);

CREATE INDEX IF NOT EXISTS dated_removals_by_dated_at ON projection.dated_removals (dated_at);
