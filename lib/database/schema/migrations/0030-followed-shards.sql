-- How far the stream of an origin is applied.
-- Every statement ends with a semicolon at the end of a line, is idempotent, and runs in its own transaction.

-- The last applied record of each shard of an origin's stream. From it, `check-origin` determines whether events wait: in
-- AWS, the event source mapping tells no one how far it is.
CREATE TABLE IF NOT EXISTS move.followed_shards (
  origin text NOT NULL,
  stream_name text NOT NULL,
  shard_id text NOT NULL,
  sequence_number text NOT NULL,
  arrived_ms bigint NOT NULL,
  PRIMARY KEY (origin, stream_name, shard_id)
);
