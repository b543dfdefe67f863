-- The creation time identifies a stream: a stream that is deleted and created again has another one. The poller compares
-- these times only for equality, because clocks can be set back.

-- The stream that the last poll found under this name.
CREATE TABLE IF NOT EXISTS projection.polled_streams (
  stream_name text PRIMARY KEY,
  created_ms bigint NOT NULL
);

-- When the stream was created that the bulk publish started on. NULL if unknown.
ALTER TABLE projection.bulk_publishes ADD COLUMN IF NOT EXISTS stream_created_ms bigint;
