-- The progress of the projection, one row per shard. If batches of a shard are projected concurrently, the progress of
-- the shard is unknown: sequence_number and arrived_at are NULL.

CREATE TABLE IF NOT EXISTS projection.stream_progress (
  stream_name text NOT NULL,
  shard_id text NOT NULL,
  sequence_number text,
  arrived_at timestamptz,
  projected_at timestamptz NOT NULL,
  PRIMARY KEY (stream_name, shard_id)
);

CREATE OR REPLACE VIEW query.stream_progress AS
SELECT stream_name, shard_id, sequence_number, arrived_at, projected_at
FROM projection.stream_progress;

GRANT SELECT ON query.stream_progress TO query_reader;
