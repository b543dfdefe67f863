-- Receipts of transactions on Aurora DSQL. The transaction that changes data writes one, so that its client can find out
-- whether it was committed if the answer was lost. The sweep removes old receipts.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

CREATE TABLE IF NOT EXISTS sync.receipts (
  receipt_id uuid PRIMARY KEY,
  created_ms bigint NOT NULL
);
