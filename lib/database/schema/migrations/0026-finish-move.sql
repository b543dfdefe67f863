-- The end of a migration from an origin.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

-- The date, at the origin, of the last write that an old version of the app made there and that is known here. NULL if
-- none is known.
ALTER TABLE move.pools ADD COLUMN IF NOT EXISTS last_old_write_ms bigint;

-- When the migration was finished. From then on, nothing is followed, taken over or bridged. NULL until then; the next
-- copy sets it to NULL again.
ALTER TABLE move.pools ADD COLUMN IF NOT EXISTS finished_ms bigint;
