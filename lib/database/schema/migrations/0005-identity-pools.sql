-- Identity pools and their settings: sync trigger, stream, push. A pool without a row does not exist.
-- revision increases with each change, for optimistic concurrency: a change that was decided on an old
-- revision is not written.
-- streaming_status is ENABLED, DISABLED, or NULL if streams were never configured. push_application_arns is a JSON
-- list.

CREATE TABLE IF NOT EXISTS sync.identity_pools (
  identity_pool_id text PRIMARY KEY,
  created_ms bigint NOT NULL,
  revision bigint NOT NULL,
  sync_trigger text,
  streaming_status text,
  stream_name text,
  stream_role_arn text,
  disabled_reason text,
  push_application_arns text,
  push_role_arn text
);

-- Before this migration, every existing pool published its changes to this stream.
INSERT INTO sync.identity_pools (identity_pool_id, created_ms, revision, streaming_status, stream_name)
SELECT identity_pool_id, min(creation_ms), 1, 'ENABLED', 'cognito-sync' FROM sync.datasets GROUP BY identity_pool_id
ON CONFLICT (identity_pool_id) DO NOTHING;

-- The stream of the event's pool at the time of the change. NULL means the relay's configured stream.
ALTER TABLE sync.outbox ADD COLUMN IF NOT EXISTS stream_name text;

-- The bulk publish that the event belongs to. NULL for a change.
ALTER TABLE sync.outbox ADD COLUMN IF NOT EXISTS bulk_publish_id uuid;

CREATE INDEX IF NOT EXISTS outbox_by_bulk_publish ON sync.outbox (bulk_publish_id);

-- The last bulk publish of each pool. last_*: the last dataset whose events are in the outbox; NULL at first.
CREATE TABLE IF NOT EXISTS sync.bulk_publishes (
  identity_pool_id text PRIMARY KEY,
  bulk_publish_id uuid NOT NULL,
  status text NOT NULL,
  started_ms bigint NOT NULL,
  completed_ms bigint,
  failure_message text,
  last_identity_id text,
  last_dataset_name text,
  all_in_outbox boolean NOT NULL
);

-- The records of events that were too large for the stream: one JSON list per event, fetched through a signed URL.
CREATE TABLE IF NOT EXISTS sync.payloads (
  payload_id uuid PRIMARY KEY,
  body text NOT NULL,
  expires_ms bigint NOT NULL
);

CREATE INDEX IF NOT EXISTS payloads_by_expiry ON sync.payloads (expires_ms);
