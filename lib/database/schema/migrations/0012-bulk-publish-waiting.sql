-- The ids of the events of a bulk publish that waited in the outbox after its last step, as an array literal. NULL before
-- its first step, and if an older version of the service has made the steps.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

ALTER TABLE sync.bulk_publishes ADD COLUMN IF NOT EXISTS waiting_ids text;
