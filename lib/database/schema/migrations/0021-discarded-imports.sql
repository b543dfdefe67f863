-- The pools of an interrupted import, so that it can be discarded if its file is lost.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

-- identity_pool_ids: the ids as a JSON array. NULL in an import that an older version started.
ALTER TABLE sync.imports ADD COLUMN IF NOT EXISTS identity_pool_ids text;
