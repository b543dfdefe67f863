-- Replicas that were deleted here.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

-- When the identity was deleted here although it was never taken over. Such an identity is not left to be taken over.
-- NULL for all other identities, and for those that were deleted before this column existed.
ALTER TABLE move.identities ADD COLUMN IF NOT EXISTS deleted_ms bigint;
