-- Imports of a service's export that have not ended.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

-- import_id: the id of the export. next_position: the position in the file at which the import continues.
CREATE TABLE IF NOT EXISTS sync.imports (
  import_id uuid PRIMARY KEY,
  file_sha256 text NOT NULL,
  started_ms bigint NOT NULL,
  next_position bigint NOT NULL
);
