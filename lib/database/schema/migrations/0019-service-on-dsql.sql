-- What keeps waiting events complete, and the service within the limits of Aurora DSQL.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

-- The row of the outbox whose event links to the payload. The payload is kept while this row exists. NULL for a payload
-- that an older version of the service stored; such a payload is deleted when it expires.
ALTER TABLE sync.payloads ADD COLUMN IF NOT EXISTS outbox_id uuid;

-- The position of a bulk publish within a dataset whose events are too large for one transaction: the ids of the bulk
-- publish, the dataset and the last record in the outbox, and the count of that record. NULL between two datasets.
ALTER TABLE sync.bulk_publishes ADD COLUMN IF NOT EXISTS part_position text;

-- Whether the row was written to find out that the transaction with this receipt was not committed. NULL for the receipt
-- of a transaction.
ALTER TABLE sync.receipts ADD COLUMN IF NOT EXISTS is_claim boolean;

-- The size of the event. Aurora DSQL must read the event to compute it. NULL for a row of an older version of the service.
ALTER TABLE sync.outbox ADD COLUMN IF NOT EXISTS event_bytes bigint;

-- Finds the subscriptions of a device that is removed.
CREATE INDEX IF NOT EXISTS subscriptions_by_device ON sync.subscriptions (device_id);
