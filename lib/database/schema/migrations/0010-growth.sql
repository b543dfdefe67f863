-- What keeps the service fast as its data grows.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.
-- Claims of outbox rows. They are in a table of their own, because a claim that updates the outbox copies the event.
-- attempts counts the claims of the row.
CREATE TABLE IF NOT EXISTS sync.outbox_leases (
  outbox_id uuid PRIMARY KEY,
  leased_until timestamptz NOT NULL,
  attempts integer NOT NULL
);
