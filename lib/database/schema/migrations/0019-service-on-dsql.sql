-- What keeps waiting events complete, and the service within the limits of Aurora DSQL.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

-- The row of the outbox whose event links to the payload. The payload is kept while this row exists. NULL for a payload
-- that an older version of the service stored; such a payload is deleted when it expires.
ALTER TABLE sync.payloads ADD COLUMN IF NOT EXISTS outbox_id uuid;

