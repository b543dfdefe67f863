-- What became of an event in quarantine.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

-- Whether the event was dismissed (true) or projected (false). NULL while the event waits, and for events that were
-- projected or dismissed before this column existed.
ALTER TABLE projection.quarantine ADD COLUMN IF NOT EXISTS is_dismissed boolean;

-- Omits the payload, which contains user data.
CREATE OR REPLACE VIEW query.quarantine AS
SELECT
  quarantine_id,
  reason,
  identity_pool_id,
  stream_name,
  shard_id,
  sequence_number,
  arrived_at,
  quarantined_at,
  redriven_at,
  is_dismissed AS dismissed
FROM projection.quarantine;
