-- Taking identities over from the origin of a migration.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

-- The process that works on the identity until leased_until_ms. NULL if no process does.
ALTER TABLE move.identities ADD COLUMN IF NOT EXISTS lease_id uuid;

ALTER TABLE move.identities ADD COLUMN IF NOT EXISTS leased_until_ms bigint;

-- What both sides agree on, per dataset of an identity that this service owns. A row of the dataset here with a count up to
-- agreed_here, and a row at the origin with a count up to agreed_there, did not change since both sides agreed. A dataset
-- without a row here did not exist when the identity was taken over: the sides agree on nothing.
CREATE TABLE IF NOT EXISTS move.datasets (
  dataset_id uuid PRIMARY KEY,
  identity_row_id uuid NOT NULL,
  agreed_here bigint NOT NULL,
  agreed_there bigint NOT NULL
);

CREATE INDEX IF NOT EXISTS moved_datasets_by_identity ON move.datasets (identity_row_id, dataset_id);
